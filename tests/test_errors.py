"""Sentences about errors and misspelled names, and that the package has one way to write them."""

from pathlib import Path

import pytest

from paddleseg_ext.errors import hint, nearest, one_line, paddle_sentence

PACKAGE = Path(__file__).resolve().parents[1] / "paddleseg_ext"


def test_one_line():
    assert one_line(ValueError("  it is\n   Tuesday \n")) == "it is Tuesday"
    assert one_line(ValueError()) == "ValueError"


def test_paddle_sentence():
    banner = "\n\n----\nC++ Traceback\n----\n0  paddle::f()\n\nError Message Summary:\n"
    error = RuntimeError(f"{banner}(Unimplemented) Not this.\n  [Hint: x]\n")
    assert paddle_sentence(error) == "(Unimplemented) Not this."
    assert paddle_sentence(RuntimeError("first\nlast\n")) == "last"
    assert paddle_sentence(RuntimeError()) == "RuntimeError"


@pytest.mark.parametrize(
    ("word", "near"),
    [("batch_sise", "batch_size"), ("ITERS", "iters"), ("zzz", None), ("", None)],
)
def test_nearest(word, near):
    assert nearest(word, ["iters", "batch_size"]) == near


def test_the_cutoff():
    assert nearest("dataset", ["val_dataset"]) == "val_dataset"
    assert nearest("dataset", ["val_dataset"], cutoff=0.8) is None


def test_hint():
    assert hint("itres", ["iters", "loss"]) == "did you mean iters?"
    assert hint("zzz", ["loss", "iters"]) == "there are: iters, loss."
    assert hint("zzz", [f"name_{number}" for number in range(25)]) == "check the spelling."
    assert hint("zzz", [], otherwise="look at the list.") == "look at the list."


def test_there_is_one_way_to_find_a_near_name_and_to_put_an_error_on_one_line():
    """But for ``environment``, which works when nothing else of the package can be imported."""
    copies = ("import difflib", '" ".join(str(error)', "' '.join(str(error)", "def _one_line")
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(copy in path.read_text(encoding="utf-8") for copy in copies)
    }
    assert found == {"errors.py"}
