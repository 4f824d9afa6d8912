"""The table's rows of mmsegmentation say what its own configurations say and what it builds from them.

SSSegmentation's package comes without its configurations.
"""

import json

import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.conversion import _differences
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.target import declared_settings
from paddleseg_ext.zoo.check import differences
from paddleseg_ext.zoo.table import config_path, published


@pytest.mark.parametrize("name", [name for name, row in published().items() if row["source"] == "mmseg"])
def test_a_row_says_what_its_publisher_configures(peer, name):
    row = published()[name]
    facts = json.loads(str(peer("published", settings={"config": row["config"]})["facts"]))
    head, aux, test = row["head"], row["aux_head"], row["test"]
    said = {
        "model": {"PSANet": "PSAHead"}[row["model"]],
        "depth": row["backbone"]["depth"],
        "pretrained": "open-mmlab://" + row["backbone"]["pretrained"]["file"].split("-")[0],
        "strides": row["stages"]["strides"],
        "dilations": row["stages"]["dilations"],
        "contract_dilation": row["stages"]["first_dilations"] == [1, 1, 1, 2],
        "head": {key: head[key] for key in facts["head"]},
        "widths": [head["reduce"]["in"], head["fuse"]["out"], aux["in_channels"], aux["channels"]],
        "aux_dropout": aux["dropout"],
        "classes": [row["data"]["classes"]] * 2,
        "average": [row["loss"]["average"]] * 2,
        "weights": row["loss"]["weights"],
        "optimizer": {
            "type": row["optimizer"]["type"],
            "lr": row["learning_rate"]["start"],
            "momentum": row["optimizer"]["momentum"],
            "weight_decay": row["optimizer"]["weight_decay"],
        },
        "paramwise_cfg": None,
        "schedule": [
            "PolyLR",
            0,
            row["schedule"]["iterations"],
            row["learning_rate"]["power"],
            row["learning_rate"]["floor"],
        ],
        "iterations": row["schedule"]["iterations"],
        "evaluate_every": row["schedule"]["evaluate_every"],
        "batch": row["batch"],
        "align_corners": [row["align_corners"]] * 2,
        "train": row["train"],
        "test": {
            **{
                key: test[key]
                for key in ("mode", "resize", "mean", "std", "align_corners", "window", "stride")
                if key in test
            },
            "scales": test["multi_scale"]["scales"],
            "flip": test["multi_scale"]["flip"],
        },
    }
    assert list(differences(facts, said)) == []


@pytest.mark.parametrize("name", [name for name, row in published().items() if row["source"] == "mmseg"])
def test_a_checkpoint_notes_what_the_yaml_says(peer, name):
    """mmengine writes the configuration into each checkpoint, and the converter holds the YAML to it."""
    row = published()[name]
    text = str(peer("published", settings={"config": row["config"]})["noted"])
    notes = IMPLEMENTATIONS["mmseg"].read_notes({"meta": {"cfg": text}}, row["model"].lower())
    declared = declared_settings(load_config(config_path(name)))
    assert not notes.unread and not notes.passed_over and set(notes.settings) <= set(declared) | {"test_config.stride"}
    assert _differences(notes.settings, declared) == {}
    other = text.replace("psa_type='bi-direction'", "psa_type='collect'").replace("mode='", "mode='not_")
    other_notes = IMPLEMENTATIONS["mmseg"].read_notes({"meta": {"cfg": other}}, "psanet")
    assert set(_differences(other_notes.settings, declared)) == {"model.psa_type"}
