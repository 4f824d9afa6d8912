"""Sides of maps as a YAML writes them."""

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.sides import whole_sides


@pytest.mark.parametrize(
    ("value", "count", "expected"), [(3, 2, (3, 3)), ([3, 4], 2, (3, 4)), (3, None, (3,)), ((1, 2, 3), None, (1, 2, 3))]
)
def test_one_number_or_a_list(value, count, expected):
    assert whole_sides("mask_size", value, count) == expected


@pytest.mark.parametrize(
    ("value", "count", "words"),
    [
        (0, 1, "must be a positive whole number, not 0."),
        ([3], 2, "must be one or 2 positive whole numbers, not [3]."),
        ([], None, "must be one or more positive whole numbers, not []."),
        (True, 2, "not True."),
        (2.0, 2, "not 2.0."),
        ("33", 2, "not 33."),
    ],
)
def test_anything_else_is_refused(value, count, words):
    with pytest.raises(UserError) as error:
        whole_sides("mask_size", value, count)
    assert str(error.value).startswith("mask_size ") and str(error.value).endswith(words)
