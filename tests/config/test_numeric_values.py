"""Numbers that YAML reads as text, and numbers out of their range."""

import pytest
import yaml

from paddleseg_ext.config.numeric_values import check_numbers, check_text_numbers
from paddleseg_ext.config.places import Places
from paddleseg_ext.errors import UserError

PLACES = Places("a.yml")


@pytest.mark.parametrize(
    ("text", "better"),
    [("5e-4", "5.0e-4"), ("1e6", "1.0e+6"), ("-2E3", "-2.0e+3"), ("2.5e3", "2.5e+3")],
)
def test_the_advice_is_a_number(text, better):
    assert yaml.safe_load(text) == text
    with pytest.raises(UserError, match=r"a\.0\.b is the text .* write " + better.replace("+", r"\+") + r"\.$"):
        check_text_numbers({"a": [{"b": text}]}, PLACES)
    assert yaml.safe_load(better) == float(text)


@pytest.mark.parametrize("text", ["1.5", "resnet50e1", "e4", "1e", "0x1e4x"])
def test_other_texts_are_texts(text):
    check_text_numbers({"a": [text, {"b": text}, 3, None, 1e-4]}, PLACES)


@pytest.mark.parametrize("key", ["batch_size", "iters", "total_batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None])
def test_counts(key, value):
    check_numbers({key: 1}, PLACES)
    with pytest.raises(UserError, match=f"{key} must be a whole number from 1 up, not {value!r}"):
        check_numbers({key: value}, PLACES)


@pytest.mark.parametrize("value", [0, -0.1, True, "0.1"])
def test_learning_rates(value):
    for right in ({}, {"learning_rate": 1}, {"learning_rate": 0.01}):
        check_numbers({"lr_scheduler": right}, PLACES)
    with pytest.raises(UserError, match=f"lr_scheduler.learning_rate must be a number above 0, not {value!r}"):
        check_numbers({"lr_scheduler": {"learning_rate": value}}, PLACES)
