"""The keys of ``test_config``."""

import inspect

import pytest

from paddleseg_ext.config.places import Places
from paddleseg_ext.config.protocol_keys import check_protocol_keys
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.settings import TEST_CONFIG_KEYS

# Arguments of evaluate that the command line gives, not test_config.
OF_THE_COMMAND = {"model", "eval_dataset", "num_workers", "precision", "amp_level"}


def test_test_config_holds_what_evaluate_takes():
    """A key that is missing here would be refused in a YAML; one too many would be a TypeError of ``evaluate``."""
    assert set(inspect.signature(evaluate).parameters) - OF_THE_COMMAND == TEST_CONFIG_KEYS


def test_right_keys():
    check_protocol_keys({}, Places("a.yml"))
    check_protocol_keys({"test_config": {"scales": [0.5, 1], "is_slide": False, "auc_roc": True}}, Places("a.yml"))


@pytest.mark.parametrize("key", ["num_workers", "precision", "slide"])
def test_an_unknown_key_has_its_line(key):
    places = Places("a.yml", {("test_config", key): ("a.yml", 3)})
    with pytest.raises(UserError, match=f"^a.yml line 3: unknown key test_config.{key}; "):
        check_protocol_keys({"test_config": {key: 1}}, places)


def test_a_wrong_value_has_its_line():
    places = Places("a.yml", {("test_config", "scales"): ("a.yml", 3)})
    with pytest.raises(UserError, match=r"^a.yml line 3: test_config.scales must be a number above 0 or"):
        check_protocol_keys({"test_config": {"scales": []}}, places)
