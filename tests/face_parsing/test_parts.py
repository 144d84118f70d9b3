"""Part names, groups, typos, mirror order; and that none of it needs torch."""

from __future__ import annotations

import pytest

from fakelocator_zoo.face_parsing.parts import GROUPS, PARTS, resolve_parts


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
