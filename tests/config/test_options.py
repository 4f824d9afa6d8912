"""``--opts KEY=VALUE`` on a configuration; what is refused stands in tests/test_bad_input.py."""

import pytest

from paddleseg_ext.config.options import apply_option
from paddleseg_ext.errors import UserError


def content() -> dict:
    return {"iters": 6, "model": {"type": "PSANet", "mask_h": 5, "mask_w": 7}, "list": [{"a": 1}, [2, 3]]}


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ("iters=7", ("iters",), 7),
        ("new=[1, 2]", ("new",), [1, 2]),
        ("model.type=PSPNet", ("model", "type"), "PSPNet"),
        ("model.pretrained=null", ("model", "pretrained"), None),
        ("model.pretrained=None", ("model", "pretrained"), None),
        ("model.a=TRUE", ("model", "a"), True),
        ("model.a=false", ("model", "a"), False),
        ("model.a={'b': 0.5}", ("model", "a"), {"b": 0.5}),
        ("model.a=x=y", ("model", "a"), "x=y"),
        ("model.a=", ("model", "a"), ""),
        ("list.0.a=9", ("list", 0, "a"), 9),
        ("list.1.1=9", ("list", 1, 1), 9),
    ],
)
def test_values(option, key, value):
    dic = content()
    apply_option(dic, option)
    for name in key:
        dic = dic[name]
    assert dic == value and type(dic) is type(value)


def test_the_other_spelling_of_the_mask_leaves():
    dic = content()
    apply_option(dic, "model.mask_size=[3, 9]")
    assert dic["model"] == {"type": "PSANet", "mask_size": [3, 9]}


@pytest.mark.parametrize("option", ["iters", "=3", "", "modle.type=x", "list.2.a=1", "list.a=1", "iters.a=1"])
def test_a_refused_option_changes_nothing(option):
    dic = content()
    with pytest.raises(UserError, match="--opts "):
        apply_option(dic, option)
    assert dic == content()
