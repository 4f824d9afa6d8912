"""Silence of PaddleSeg's log, and only while it is asked for."""

import pytest
from paddleseg.utils import logger

from paddleseg_ext.config.quiet import quietly


def test_errors_are_still_shown(capsys):
    with quietly():
        logger.info("of a component")
        logger.warning("of a component")
        logger.error("of a fault")
    logger.info("afterwards")
    text = "".join(capsys.readouterr())
    assert "of a component" not in text and "of a fault" in text and "afterwards" in text


def test_the_level_comes_back_after_an_error():
    before = logger.log_level
    with pytest.raises(ZeroDivisionError), quietly():
        raise ZeroDivisionError
    assert logger.log_level == before
