"""The Markdown table of comparisons."""

import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.parity import report
from paddleseg_ext.parity.limits import Difference
from paddleseg_ext.parity.our_side import default_settings


def difference(dtype="float32", step="forward", largest=4.2e-6, limit=5e-5):
    return Difference(dtype, step, "logits", "absolute", largest / 2, largest, limit)


def row(found=None, drift=None, **settings):
    return report.row(default_settings(peer="ssseg", model="pspnet", **settings), found or [difference()], drift)


def test_row():
    found = [difference(), difference("float64", largest=1e-12), difference(step="train", largest=1.0)]
    line = "| ssseg | pspnet | 18 | 8 | 65x97 | 4e-06 / 1e-12 |  |  |  |  | **1e+00** / - |"
    assert row(found) == f"{line}  |\n"
    assert row(found, drift=2.3e-3) == f"{line} 2e-03 |\n"
    assert "| 65x97, steps on 1 batch |" in row(found, training_batches=1)


def test_table_keeps_one_row_for_a_case_and_the_text_around_it(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(f"# Title\n\n{report.HEADER}\nThe end.\n")
    report.write(path, row(depth=101))
    report.write(path, row(depth=50))
    report.write(path, row([difference(largest=9e-6)], depth=101))
    before, after = path.read_text().split(report.HEADER)
    assert before == "# Title\n\n"
    first, second, *rest = after.splitlines()
    assert first.startswith("| ssseg | pspnet | 50 |") and "4e-06" in first
    assert second.startswith("| ssseg | pspnet | 101 |") and "9e-06" in second
    assert rest == ["", "The end."]


def test_a_new_file_is_the_table_alone(tmp_path):
    report.write(tmp_path / "new" / "table.md", row())
    assert (tmp_path / "new" / "table.md").read_text() == report.HEADER + row()


def test_a_file_without_the_table_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(UserError, match="has no table"):
        report.write(path, row())
    assert path.read_text() == "my notes\n"
