from embedded.digits import captions, pictures

BLANK, FULL = [0.0] * 64, [16.0] * 64


def test_ink_and_paper() -> None:
    assert pictures([FULL]) == ["█" * 16] * 8
    assert pictures([BLANK]) == [""] * 8


def test_digits_stand_side_by_side() -> None:
    assert pictures([FULL, BLANK, FULL])[0] == "█" * 16 + " " * (3 + 16 + 3) + "█" * 16


def test_pixels_run_row_by_row_from_the_top_left() -> None:
    corner = [16.0] + [0.0] * 63
    assert pictures([corner]) == ["██"] + [""] * 7


def test_captions_are_centred_below() -> None:
    assert captions(["7", "1"]) == "7".center(16) + "   " + "1".center(16).rstrip()
