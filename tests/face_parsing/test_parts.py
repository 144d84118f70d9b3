"""Part names, groups, typos, mirror order; and that none of it needs torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS, mirror_order, mirror_pairs, resolve_parts


def test_there_are_the_nineteen_labels_of_celebamask() -> None:
    assert len(PARTS) == 19
    assert [PARTS.index(p) for p in ("background", "skin", "left_eye", "inner_mouth", "hair", "cloth")] == [
        0,
        1,
        4,
        10,
        13,
        18,
    ]


def test_groups_hold_known_parts_and_face_holds_the_features() -> None:
    for members in GROUPS.values():
        assert set(members) <= set(PARTS)
    assert {*GROUPS["mouth"], *GROUPS["eyes"], "skin", "nose"} <= set(GROUPS["face"])
    assert not {"background", "hair", "neck", "cloth"} & set(GROUPS["face"])


def test_parts_and_groups_mix_without_repeats_in_label_order() -> None:
    assert resolve_parts(["mouth", "upper_lip", "skin"]) == ("skin", "inner_mouth", "upper_lip", "lower_lip")
    assert resolve_parts("eyes", available=("right_eye", "skin")) == ("right_eye",)
    assert resolve_parts("teeth", available=("background", "teeth")) == ("teeth",)


@pytest.mark.parametrize(("typo", "nearest"), [("hiar", "hair"), ("left_eyes", "left_eye"), ("Mouth", "mouth")])
def test_typo_gets_the_nearest_name(typo: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{nearest}'"):
        resolve_parts(typo)


def test_other_bad_names() -> None:
    with pytest.raises(ValueError, match="choose from"):
        resolve_parts("xyzzy")
    with pytest.raises(ValueError, match="no face part given"):
        resolve_parts(())
    with pytest.raises(ValueError, match="has no part 'hair'"):
        resolve_parts("hair", available=("background", "skin"))


def test_mirror_order_is_its_own_inverse_and_swaps_sides() -> None:
    assert mirror_pairs(PARTS) == ((4, 5), (6, 7), (8, 9))
    order = mirror_order(PARTS)
    assert [order[i] for i in order] == list(range(19))
    assert mirror_order(("left_eye", "nose")) == (0, 1)  # no partner: stays


def test_importing_the_package_does_not_import_torch() -> None:
    use = "import sys, fakelocator_zoo.face_parsing as f; f.PARTS; f.resolve_parts('hair')"
    code = f"{use}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
