"""A fixture for the tests of the converter."""

import pytest

from tests.convert.state_dicts import model_of, write_yaml


@pytest.fixture
def described(tmp_path):
    """``described(name, **changes) -> path``: the YAML of a state dict, with other settings in its model."""

    def write(name, classes=19, **changes):
        return write_yaml(tmp_path, {**model_of(name), **changes}, classes)

    return write
