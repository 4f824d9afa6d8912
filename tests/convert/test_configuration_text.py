"""Text of Python or JSON as plain values, without running it."""

import pytest

from paddleseg_ext.convert.configuration_text import UNKNOWN, read_configuration


@pytest.mark.parametrize(
    "text",
    [
        "sizes = (1, -2)\nmodel = dict(head=dict(sizes=sizes, on=True))",
        "model = {'head': {'sizes': (1, -2), 'on': True}}",
        '{"model": {"head": {"sizes": [1, -2], "on": true}}}',
        "head=dict(sizes=[1, -2], on=True), neck=None",
    ],
)
def test_every_way_to_write_it(text):
    assert read_configuration(text)["model"]["head"] == {"sizes": (1, -2), "on": True}


def test_nothing_is_run(tmp_path):
    found = read_configuration(f"model = dict(a=open({str(tmp_path / 'made')!r}, 'w'), b=3 * 3, c=4)")
    assert found == {"model": {"a": UNKNOWN, "b": UNKNOWN, "c": 4}}
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_is_itself_and_what_cannot_be_read_is_none():
    assert read_configuration({"model": 3}) == {"model": 3}
    assert read_configuration(3) is read_configuration("model = dict(") is None
