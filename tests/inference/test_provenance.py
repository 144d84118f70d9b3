"""Pictures signed here with a certificate that is made here."""

from __future__ import annotations

import datetime
import io
import socket

import pytest
from PIL import Image

from fakelocator_zoo.inference.provenance import ContentCredentials, read_credentials
from tests.inference.stubs import noise

c2pa = pytest.importorskip("c2pa", reason="content credentials need: pip install 'fakelocator-zoo[provenance]'")
x509 = pytest.importorskip("cryptography.x509")
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ORGANISATION = "Cameras [of] <Test>"


@pytest.fixture(scope="module")
def signer():
    """A key whose certificate an authority of the same making has signed."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def name(common: str):
        return x509.Name(
            [
                x509.NameAttribute(x509.NameOID.COMMON_NAME, common),
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, ORGANISATION),
            ]
        )

    def certificate(subject: str, key, is_authority: bool) -> bytes:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )
        if not is_authority:
            use = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(use, critical=False)
        return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    chain = certificate("camera", own, False) + certificate("authority", authority, True)
    key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", chain, key, None))


def picture() -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(file, "JPEG")
    file.seek(0)
    return file


def signed(signer, source_type: str) -> bytes:
    action = {"action": "c2pa.created", "digitalSourceType": SOURCES + source_type}
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    out = io.BytesIO()
    c2pa.Builder(manifest).sign(signer, "image/jpeg", picture(), out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize(
    ("source_type", "declares_ai"),
    [("digitalCapture", False), ("trainedAlgorithmicMedia", True), ("compositeWithTrainedAlgorithmicMedia", True)],
)
def test_a_signed_picture(signer, source_type: str, declares_ai: bool, tmp_path) -> None:
    path = tmp_path / "signed.jpg"
    path.write_bytes(signed(signer, source_type))
    found = read_credentials(path)
    assert found == ContentCredentials("valid", ORGANISATION, declares_ai)
    assert ("declare that AI made it" in found.sentence()) == declares_ai
    assert ORGANISATION in found.sentence() and "not checked against a list" in found.sentence()


def test_a_picture_that_was_changed_after_it_was_signed(signer) -> None:
    data = bytearray(signed(signer, "digitalCapture"))
    data[-100] ^= 1
    found = read_credentials(bytes(data))
    assert found is not None and found.state == "invalid" and "prove nothing" in found.sentence()


def test_no_credentials_are_no_evidence() -> None:
    for data in (picture().getvalue(), b"no image", b""):
        found = read_credentials(data)
        assert found == ContentCredentials("none") and "no evidence" in found.sentence()


def test_a_damaged_manifest_is_one_that_proves_nothing(signer) -> None:
    data = signed(signer, "digitalCapture")
    start = data.index(b"c2pa.assertions")
    found = read_credentials(data[:start] + bytes(200) + data[start + 200 :])
    assert found is not None and found.state == "invalid"


def test_a_signers_name_is_text_on_the_page(signer) -> None:
    from fakelocator_zoo.app.report import escaped

    assert "<Test>" not in escaped(ContentCredentials("valid", ORGANISATION).sentence())
