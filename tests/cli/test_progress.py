"""The line of a progress bar ends, whatever happens."""

import pytest

from paddleseg_ext.cli.progress import progress_bar


def test_a_full_bar_ends_its_line_once(capsys):
    with progress_bar(2) as bar:
        bar.update(1)
        bar.update(2)
    text = "".join(capsys.readouterr())
    assert "2/2" in text and text.endswith("\n") and not text.endswith("\n\n")


def test_an_error_ends_the_line(capsys):
    with pytest.raises(ZeroDivisionError), progress_bar(2) as bar:
        bar.update(1)
        raise ZeroDivisionError
    out, err = capsys.readouterr()
    assert "1/2" in out + err and err.endswith("\n")


def test_nothing_is_drawn(capsys):
    with pytest.raises(ZeroDivisionError), progress_bar(2, verbose=0) as bar:
        bar.update(1)
        raise ZeroDivisionError
    assert not "".join(capsys.readouterr())


def test_an_unknown_number_of_steps(capsys):
    with progress_bar(-1) as bar:
        bar.update(1)
    out, err = capsys.readouterr()
    assert "1/Unknown" in out + err and (out + err).endswith("\n")
