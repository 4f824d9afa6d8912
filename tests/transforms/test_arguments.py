"""Checks of a transform's arguments: the values that pass, and the sentences about the others."""

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.transforms import arguments


def test_good_values_come_back():
    assert arguments.size("Crop", "size", [1024, 512]) == (1024, 512)
    assert arguments.limits("Distort", "range", [0, 1.5]) == (0, 1.5)
    assert arguments.word("Pad", "position", "center", ("center", "corner")) == "center"
    assert arguments.number("Crop", "ratio", 0.5, low=0, high=1) == 0.5
    # The limits are allowed themselves.
    assert arguments.number("Crop", "ratio", 1, low=1, high=1, whole=True) == 1


@pytest.mark.parametrize("value", [512, "ab", [512], [512, 0], [512, 1.5], [512, True], None])
def test_a_size_is_two_whole_numbers(value):
    with pytest.raises(
        UserError, match=r"^Crop: size is .* must be \[width, height\] in pixels, such as \[1024, 512\]\.$"
    ):
        arguments.size("Crop", "size", value)


@pytest.mark.parametrize("value", [1, "ab", [1], [2, 1], [-1, 1], [0, float("inf")], [0, float("nan")], [False, 1]])
def test_limits_are_two_ascending_numbers(value):
    with pytest.raises(
        UserError, match=r"^Distort: range is .* must be \[lowest, highest\], such as \[0\.5, 1\.5\]\.$"
    ):
        arguments.limits("Distort", "range", value)


@pytest.mark.parametrize(
    ("value", "settings", "words"),
    [
        (2, {"low": 0, "high": 1}, "must be a number from 0 to 1."),
        (-1, {"low": 0}, "must be a number of at least 0."),
        (1.5, {"low": 0, "whole": True}, "must be a whole number of at least 0."),
        (float("nan"), {"low": 0}, "must be a number of at least 0."),
        ("1", {"low": 0}, "ratio is '1' and must be"),
        (True, {"low": 0}, "ratio is True and must be"),
    ],
)
def test_a_number_has_limits(value, settings, words):
    with pytest.raises(UserError) as error:
        arguments.number("Crop", "ratio", value, **settings)
    assert words in str(error.value)


def test_a_word_is_one_of_the_given_ones():
    with pytest.raises(UserError, match=r"^Pad: position is 'middle' and must be one of center, corner\.$"):
        arguments.word("Pad", "position", "middle", ("center", "corner"))


def test_a_flag_is_true_or_false():
    assert arguments.flag("Pad", "at_least", True) is True
    for value in (1, "true", None):
        with pytest.raises(UserError, match=r"^Pad: at_least is .* and must be true or false\.$"):
            arguments.flag("Pad", "at_least", value)
