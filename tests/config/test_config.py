"""What of other people's YAML files is read, ignored with a warning, or an error; what is needed without training."""

import copy

import pytest
import yaml
from paddleseg.cvlibs import Config
from paddleseg.utils import logger

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from tests.conftest import small_config

# As PSANet_paddle's file writes its model, on a thinner backbone.
PSANET_PADDLE = {
    "type": "PSANet",
    "backbone": {"type": "ResNet18_vd", "output_stride": 8, "pretrained": None},
    "enable_auxiliary_loss": True,
    "align_corners": False,
    "use_psa": True,
    "psa_type": 2,
    "shrink_factor": 2,
    "normalization_factor": 1.0,
    "psa_softmax": True,
    "mask_h": 5,
    "mask_w": 7,
}


@pytest.fixture
def warnings(monkeypatch):
    """What is logged as a warning."""
    told = []
    monkeypatch.setattr(logger, "warning", told.append)
    return told


@pytest.fixture
def load(scenes):
    """Load the configuration of the scenes with lines before it: ``load(text)``."""
    path = scenes / "config.yml"
    rest = path.read_text()

    def apply(text, **settings):
        path.write_text(f"{text}\n{rest}")
        return load_config(path, **settings)

    apply.path = path
    apply.rest = rest
    return apply


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
    assert not [told for told in warnings if f"'{key}'" in told]
    # PaddleSeg takes the same file, and reads the same of it.
    theirs = Config(str(load.path)).dic
    assert {name: theirs[name] for name in config.dic} == config.dic


def test_an_anchor_arrives_where_it_is_used(load):
    assert load("means: &means [0.5, 1.5]\ntest_config: {scales: *means}").test_config == {"scales": [0.5, 1.5]}


def test_anchors_of_a_base(load):
    (load.path.parent / "base.yml").write_text(f"crop: &crop [16, 16]\n_mean: [0.5]\n{load.rest}")
    load.path.write_text("_base_: base.yml\nstd: &std [0.5]\niters: 3\n")
    config = load_config(load.path)
    assert config.iters == 3 and not {"crop", "_mean", "std"} & set(config.dic)


MISSPELT = {
    "batch_sise: 4": "'batch_sise'; did you mean batch_size?",
    "Iters: 4": "'Iters'; did you mean iters?",
    "optimiser: {type: SGD}": "'optimiser'; did you mean optimizer?",
    "val_datset: {type: Dataset}": "'val_datset'; did you mean val_dataset?",
    "batch_sise: &b 4": "'batch_sise'; did you mean batch_size?, or begin it with _ if it only holds the anchor",
    "itres: &i 4\ntest_config: {scales: *i}": "'itres'; did you mean iters?, or begin it with _",
    "optimiser:\n  momentum: &m 0.9": "'optimiser'; did you mean optimizer?, or begin it with _",
    "models: &m {}": "'models'; did you mean model?",
}


@pytest.mark.parametrize("text", MISSPELT)
def test_a_misspelt_key_is_an_error(load, text):
    with pytest.raises(UserError) as error:
        load(text)
    assert f"config.yml line 1: unknown key {MISSPELT[text]}" in str(error.value)


@pytest.mark.parametrize("text", ("learning_rate:\n  decay:\n    end_lr: 1.0e-5", "uapi: true", "3: x", "slim: {}"))
def test_what_paddleseg_ignores_is_left_out_with_a_warning(load, warnings, text):
    key = text.split(":")[0]
    assert key not in map(str, load(text).dic)
    (told,) = [line for line in warnings if " is ignored" in line]
    assert f"config.yml line 1: the key {key if key == '3' else repr(key)} is ignored" in told


def test_an_option_that_nobody_reads_is_an_error(load):
    for option in ("mean=[0.5]", "uapi=True", "_x=1"):
        with pytest.raises(UserError, match="unknown key"):
            load("mean: &mean [0.5]", opts=[option])


def test_a_file_that_paddleseg_wrote(scenes):
    content = small_config(scenes)
    content["train_dataset"]["transforms"][0]["crop_size"] = (32, 16)
    path = scenes / "config.yml"
    path.write_text(yaml.dump(content))
    assert "!!python/tuple" in path.read_text()
    assert load_config(path).dic["train_dataset"]["transforms"][0]["crop_size"] == (32, 16)
    path.write_text(path.read_text() + "\n_x: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(UserError, match="is not valid YAML: could not determine a constructor"):
        load_config(path)


def test_not_inherited(load):
    (load.path.parent / "base.yml").write_text("iters: 77\nto_static_training: true\n")
    config = load("_base_: base.yml\n_inherited_: False")
    assert config.iters == 6 and not config.to_static_training and "_inherited_" not in config.dic


TRAINING = ("batch_size", "iters", "optimizer", "lr_scheduler", "loss")


@pytest.mark.parametrize("missing", (*((key,) for key in TRAINING), (*TRAINING, "train_dataset")))
def test_what_only_training_needs(scenes, missing):
    content = small_config(scenes)
    for key in missing:
        del content[key]
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=f"No ({'|'.join(missing)}) specified"):
        load_config(path)
    config = load_config(path, training=False)
    assert not set(TRAINING) & set(config.dic)
    # Three classes: those of the data set that is there.
    assert Builder(config, pretrained=False).build("model")
    assert config.dic["model"]["num_classes"] == 3


def test_what_only_training_needs_is_not_looked_at(scenes):
    content = small_config(scenes)
    content["train_dataset"]["transforms"] = [{"type": "NotHere"}]
    content["optimizer"] = {"type": "NotHere"}
    content["lr_scheduler"] = {"type": "NotHere", "learning_rate": "5e-4"}
    content["loss"] = {"types": [{"type": "NotHere"}]}
    content.update(batch_size=0, iters=None)
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError):
        load_config(path)
    assert load_config(path, training=False).val_dataset_cfg == content["val_dataset"]


def test_a_fault_of_the_data_set_that_stands_in_is_reported_where_it_is(scenes):
    content = small_config(scenes)
    del content["train_dataset"]
    content["val_dataset"]["moed"] = "val"
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    line = 1 + path.read_text().splitlines().index("  moed: val")
    with pytest.raises(UserError, match=f"config.yml line {line}: Dataset has no argument 'moed'; did you mean mode"):
        load_config(path, training=False)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    (
        (("model",), "has no model; add one"),
        (("train_dataset", "val_dataset"), "has no val_dataset, which says what the classes are"),
    ),
)
def test_what_is_always_needed(scenes, missing, sentence):
    content = small_config(scenes)
    for key in missing:
        del content[key]
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=sentence):
        load_config(path, training=False)


def test_psanet_paddles_own_model(scenes):
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump({**small_config(scenes), "model": PSANET_PADDLE}))
    model = Builder(load_config(path)).build("model")
    assert model.psa.mask_size == (5, 7)
    assert model.psa.attention[1].weight.shape[0] == 35


@pytest.mark.parametrize(
    ("changes", "drop", "sentence"),
    (
        ({}, "mask_w", "mask_h and mask_w go together, and mask_w is missing"),
        ({}, "mask_h", "mask_h and mask_w go together, and mask_h is missing"),
        ({"mask_size": [5, 7]}, None, "mask_h and mask_w are another way to write mask_size"),
        ({"mask_size": 5}, "mask_h", "mask_h and mask_w go together, and mask_h is missing"),
        ({"mask_h": 0}, None, "mask_h must be a positive whole number, not 0"),
        ({"mask_w": "7"}, None, "mask_w must be a positive whole number, not 7"),
    ),
)
def test_masks_that_contradict_each_other(scenes, changes, drop, sentence):
    model = {**copy.deepcopy(PSANET_PADDLE), **changes}
    model.pop(drop, None)
    path = scenes / "config.yml"
    path.write_text(yaml.safe_dump({**small_config(scenes), "model": model}))
    with pytest.raises(UserError, match=sentence):
        Builder(load_config(path)).build("model")


@pytest.mark.parametrize(
    ("below", "above", "opts", "sides"),
    (
        ({"mask_size": [9, 9]}, {"mask_h": 5, "mask_w": 7}, (), (5, 7)),
        ({"mask_h": 5, "mask_w": 7}, {"mask_size": 9}, (), (9, 9)),
        ({"mask_h": 5, "mask_w": 7}, {}, ("model.mask_size=[3,9]",), (3, 9)),
        ({"mask_size": [9, 9]}, {}, ("model.mask_h=5", "model.mask_w=7"), (5, 7)),
        ({}, {"mask_h": 5, "mask_w": 7}, ("model.mask_h=3",), (3, 7)),
    ),
)
def test_a_mask_that_is_written_in_the_other_way_later(scenes, below, above, opts, sides):
    """A file overrules its base and the command line the file, whichever way they write it."""
    model = {key: value for key, value in PSANET_PADDLE.items() if not key.startswith("mask_")}
    (scenes / "base.yml").write_text(yaml.safe_dump({**small_config(scenes), "model": {**model, **below}}))
    (scenes / "config.yml").write_text(yaml.safe_dump({"_base_": "base.yml", "model": above}))
    config = load_config(scenes / "config.yml", opts=list(opts))
    assert Builder(config).build("model").psa.mask_size == sides
