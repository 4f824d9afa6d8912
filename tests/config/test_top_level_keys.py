"""What of other people's YAML files is read, ignored with a warning, or an error."""

import pytest
from paddleseg.cvlibs import Config

from paddleseg_ext.errors import UserError

ANCHORS = {
    "used": ("mean: &mean [0.5, 0.5, 0.5]\ntest_config: {scales: *mean}", "mean"),
    "not used": ("std: &std [0.5, 0.5, 0.5]", "std"),
    "of a mapping": ("norm: &norm\n  type: Normalize\n  mean: [0.5]", "norm"),
    "deep in the value": ("anchors:\n  - {a: [&one 1, 2]}\n  - 3", "anchors"),
    "a word": ("root: &root data/x", "root"),
    "nothing": ("empty: &empty", "empty"),
    "like a key, but not as a misspelling is": ("dataset: &dataset {type: Dataset}", "dataset"),
    "among others": ("a: {b: 1}\nsize: &size [8, 8]\nc: [1, [2]]", "size"),
    "underscore": ("_batch_size: 3", "_batch_size"),
    "x-": ("x-batch_size: 3", "x-batch_size"),
}


@pytest.mark.parametrize("case", ANCHORS)
def test_a_key_for_the_file_itself(load, warnings, case):
    text, key = ANCHORS[case]
    config = load(text)
    assert key not in config.dic
    assert not [logged for logged in warnings if f"'{key}'" in logged]
    # PaddleSeg takes the same file, and reads the same of it.
    theirs = Config(str(load.path)).dic
    assert {name: theirs[name] for name in config.dic} == config.dic


MISSPELLED = {
    "batch_sise: 4": "'batch_sise'; did you mean batch_size?",
    "Iters: 4": "'Iters'; did you mean iters?",
    "optimiser: {type: SGD}": "'optimiser'; did you mean optimizer?",
    "val_datset: {type: Dataset}": "'val_datset'; did you mean val_dataset?",
    "batch_sise: &b 4": "'batch_sise'; did you mean batch_size?, or begin it with _ if it only holds the anchor",
    "itres: &i 4\ntest_config: {scales: *i}": "'itres'; did you mean iters?, or begin it with _",
    "optimiser:\n  momentum: &m 0.9": "'optimiser'; did you mean optimizer?, or begin it with _",
    "models: &m {}": "'models'; did you mean model?",
}


@pytest.mark.parametrize("text", MISSPELLED)
def test_a_misspelled_key_is_an_error(load, text):
    with pytest.raises(UserError) as error:
        load(text)
    assert f"config.yml line 1: unknown key {MISSPELLED[text]}" in str(error.value)


@pytest.mark.parametrize("text", ("learning_rate:\n  decay:\n    end_lr: 1.0e-5", "uapi: true", "3: x", "slim: {}"))
def test_what_paddleseg_ignores_is_left_out_with_a_warning(load, warnings, text):
    key = text.split(":")[0]
    assert key not in map(str, load(text).dic)
    (logged,) = [line for line in warnings if " is ignored" in line]
    assert f"config.yml line 1: the key {key if key == '3' else repr(key)} is ignored" in logged


def test_an_option_that_nobody_reads_is_an_error(load):
    for option in ("mean=[0.5]", "uapi=True", "_x=1"):
        with pytest.raises(UserError, match="unknown key"):
            load("mean: &mean [0.5]", opts=[option])
