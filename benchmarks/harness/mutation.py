"""Damaged versions of files: bytes that were flipped, cut and repeated, and values that no program writes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

#: Bytes that often stand in lengths and counts.
_BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
#: Values in place of one in a configuration.
_VALUES: tuple[Callable[[], Any], ...] = (
    *(lambda value=value: value for value in (0, -1, 1, 31, 10**5, 999_999, 10**9, 10**400, 0.5, -1e308, True, None)),
    *(lambda value=value: value for value in ("", "x" * 5000, "../../x", "\0", "tu-", "resnet18", float("nan"))),
    *(lambda value=value: value() for value in (list, dict)),
    lambda: [1] * 2000,
    lambda: {"x": {"x": {}}},
)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes after one to four changes; the first kilobyte, where headers are, is changed as often as the rest."""
    for _ in range(rng.randint(1, 4)):
        if not data:
            return data
        at = rng.randrange(min(len(data), 1024)) if rng.random() < 0.5 else rng.randrange(len(data))
        length = min(rng.choice((1, 1, 4, 16, 256, len(data) // 4 + 1)), len(data) - at)
        change = rng.randrange(6)
        if change == 0:
            data = data[:at]
        elif change == 1:
            data = data[:at] + data[at + length :]
        elif change == 2:
            data = data[:at] + data[at : at + length] * rng.choice((2, 3, 50)) + data[at + length :]
        elif change == 3:
            filled = rng.choice(_BYTES)
            data = data[:at] + filled + data[at + len(filled) :]
        elif change == 4:
            data = data[:at] + rng.randbytes(length) + data[at + length :]
        else:
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        data = data[: 2**22]
    return data


def odd_values(tree: Any, rng: random.Random) -> Any:
    """A copy of nested dicts and lists in which one to three values or keys are others."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(tree))
        if not places:
            return tree
        holder, key = rng.choice(places)
        change = rng.randrange(6)
        if change == 0:
            del holder[key]
        elif change == 1 and isinstance(holder, dict):
            holder[str(key) + "x"] = holder[key]
        else:
            holder[key] = rng.choice(_VALUES)()
    return tree


def _places(tree: Any) -> Any:
    """Every holder with every key or index of it."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])
