"""``FILE line N`` of a key."""

from pathlib import Path

import pytest
import yaml

from paddleseg_ext.config.places import Places, dotted, placed
from paddleseg_ext.errors import UserError

TEXT = """\
model:
  type: PSPNet
  scales: [1,
    2]
3: x
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("model",), 1),
        (("model", "type"), 2),
        (("model", "scales", 0), 3),
        (("model", "scales", 1), 4),
        (("3",), 5),
        (("model", "new"), 1),
        (("model", "scales", 7, "deeper"), 3),
    ],
)
def test_lines(key, line):
    places = Places.of(Path("a.yml"), yaml.compose(TEXT))
    assert places(*key) == f"a.yml line {line}"


def test_a_key_in_no_file_has_the_file():
    assert Places.of(Path("a.yml"), yaml.compose(TEXT))("iters") == "a.yml"
    assert Places("a.yml")("iters") == "a.yml"


def test_a_file_is_asked_before_its_base():
    base = Places("base.yml", {("iters",): ("base.yml", 1), ("loss",): ("base.yml", 2)})
    places = Places("a.yml", {("iters",): ("a.yml", 7)}).over(base)
    assert (places("iters"), places("loss"), places("model")) == ("a.yml line 7", "base.yml line 2", "a.yml")


def test_sentences():
    assert dotted(("train_dataset", "transforms", 0, "type")) == "train_dataset.transforms.0.type"
    with pytest.raises(UserError, match=r"^a.yml line 3: it is wrong\.$"), placed("a.yml line 3: "):
        raise UserError("it is wrong.")
