"""Content credentials (C2PA) of a photo: what its signed manifest says of its making. Needs the extra `provenance`.

They are read beside the forensics and change no verdict. Nothing is asked of the network.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

#: Ends of the digital source types (IPTC) of which a trained model made all of a picture, or a part.
_AI_SOURCES = ("/trainedAlgorithmicMedia", "/compositeWithTrainedAlgorithmicMedia")
_SETTINGS = {
    # Manifests that lie elsewhere and revocation lists would be fetched. There is no list of trusted signers here.
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        "verify_trust": False,
        "verify_timestamp_trust": False,
    }
}


class ContentCredentials(NamedTuple):
    """What was found in a file."""

    #: ``valid``: the signature is right, and the file is as it was signed; ``invalid``: it is not, or what is there
    #: cannot be read; ``none``: there are no credentials, which is no evidence.
    state: Literal["valid", "invalid", "none"]
    signed_by: str | None = None  #: the name in the certificate, which nobody vouches for here
    declares_ai: bool = False  #: whether they say that a trained model made the picture or a part of it

    def sentence(self) -> str:
        """The same in words."""
        if self.state == "none":
            return (
                "Content credentials: none. That is no evidence: most photos have none, and any program removes them."
            )
        declared = "declare that AI made it or a part of it" if self.declares_ai else "declare no AI"
        if self.state == "invalid":
            return f"Content credentials: present but not valid, so they prove nothing; they {declared}."
        return (
            f"Content credentials: valid, signed by {self.signed_by or 'nobody named'} (not checked against a list of "
            f"trusted signers); they {declared}."
        )


def readable() -> bool:
    """Whether the extra is installed."""
    try:
        import c2pa  # noqa: F401
    except ImportError:
        return False
    return True


def read_credentials(photo: str | Path | bytes) -> ContentCredentials | None:
    """The content credentials of an image file, or of its bytes; None without the extra.

    Raises:
        OSError: where the file cannot be read.
    """
    if not readable():
        return None
    import c2pa

    data = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
    try:
        context = c2pa.Context(settings=c2pa.Settings.from_dict(_SETTINGS))
        reader = c2pa.Reader.try_create(None, io.BytesIO(data), None, context)
        if reader is None:
            return ContentCredentials("none")
        with reader:
            manifest = reader.get_active_manifest() or {}
            state = reader.get_validation_state()
            manifests = reader.json()
    except c2pa.C2paError.NotSupported:
        return ContentCredentials("none")
    except (c2pa.C2paError, ValueError):
        # A file that is damaged, or of a kind that has no credentials, has none; a damaged manifest is present.
        return ContentCredentials("invalid" if b"c2pa" in data else "none")
    signature = manifest.get("signature_info") or {}
    return ContentCredentials(
        "valid" if state in ("Valid", "Trusted") else "invalid",
        signature.get("issuer") or signature.get("common_name"),
        any(source.endswith(_AI_SOURCES) for source in _source_types(manifests)),
    )


def _source_types(manifests: str) -> Iterator[str]:
    """Every digitalSourceType of the manifests (JSON): of the picture, and of what it was made of."""
    waiting: list[Any] = [json.loads(manifests)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(source := each.get("digitalSourceType"), str):
                yield source
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
