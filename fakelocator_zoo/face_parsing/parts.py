"""Names of face parts, groups of them, and how a user's words become part names.

Left and right are the person's, as in CelebAMask-HQ (Lee et al., "MaskGAN", CVPR 2020), whose 19 labels
these are, in the order of the label images (0 is background).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

PARTS: tuple[str, ...] = (
    "background", "skin", "nose", "eyeglasses", "left_eye", "right_eye", "left_brow", "right_brow",
    "left_ear", "right_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace",
    "neck", "cloth",
)  # fmt: skip

#: Nose, eyes, brows and mouth: they distinguish a face from a patch of skin.
FEATURES: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_brow", "right_brow", "inner_mouth", "upper_lip", "lower_lip"
)  # fmt: skip

#: Group name -> part names. `face` is every facial part, without hair, neck and clothes.
GROUPS: dict[str, tuple[str, ...]] = {
    "face": ("skin", *FEATURES, "eyeglasses", "left_ear", "right_ear"),
    "skin": ("skin",),
    "nose": ("nose",),
    "eyes": ("left_eye", "right_eye"),
    "brows": ("left_brow", "right_brow"),
    "mouth": ("inner_mouth", "upper_lip", "lower_lip"),
    "ears": ("left_ear", "right_ear"),
    "hair": ("hair",),
    "accessories": ("eyeglasses", "hat", "earring", "necklace"),
}


def resolve_parts(parts: str | Sequence[str], available: Iterable[str] = PARTS) -> tuple[str, ...]:
    """Turn part and group names into part names, in the order of `available`, each once.

    Args:
        parts: one name or several; each a part (`"nose"`) or a group (`"mouth"`).
        available: the parts that a parser tells apart. A group gives those of its parts that are available.

    Raises:
        ValueError: a name is neither part nor group (the nearest is suggested), none of it is available,
            or no name is given.

    >>> resolve_parts(("hair", "mouth"))
    ('inner_mouth', 'upper_lip', 'lower_lip', 'hair')
    >>> resolve_parts("mouht")
    Traceback (most recent call last):
    ...
    ValueError: unknown face part 'mouht': did you mean 'mouth'?
    """
    known = tuple(available)
    names = (parts,) if isinstance(parts, str) else tuple(parts)
    if not names:
        raise ValueError("no face part given: name at least one, for example 'mouth'")
    chosen: set[str] = set()
    for name in names:
        if name in known:
            chosen.add(name)
        elif name in GROUPS or name in PARTS:
            members = [part for part in GROUPS.get(name, ()) if part in known]
            if not members:
                raise ValueError(f"this parser has no part {name!r}: it tells {', '.join(known)} apart")
            chosen.update(members)
        else:
            near = get_close_matches(str(name), [*known, *GROUPS, *PARTS], n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join((*GROUPS, *known))}"
            raise ValueError(f"unknown face part {name!r}: {hint}")
    return tuple(part for part in known if part in chosen)
