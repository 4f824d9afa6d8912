"""The YAML files of the published rows: no key is redundant, and the flags of train.py keep their meaning."""

import copy

import pytest
import yaml
from paddleseg.cvlibs.config import merge_config_dicts, parse_from_yaml

import paddleseg_ext  # noqa: F401
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.zoo import curves
from paddleseg_ext.zoo.table import CONFIGS, config_path, published

FILES = sorted(CONFIGS.glob("*/*.yml"))
BUILT_UPON = [path for path in FILES if "_base_" in yaml.safe_load(path.read_text())]


def _own(path):
    """What a file says itself, and the files it builds upon."""
    own = yaml.safe_load(path.read_text())
    bases = own.pop("_base_")
    return own, [bases] if isinstance(bases, str) else bases


def _merged(path, own, bases):
    """A file as PaddleSeg merges it: what comes first wins."""
    for base in bases:
        own = merge_config_dicts(own, parse_from_yaml(str(path.parent / base)))
    return own


def _keys(mapping, above=()):
    for key, value in mapping.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _keys(value, (*above, key))


@pytest.mark.parametrize("path", BUILT_UPON, ids=lambda path: path.stem)
def test_no_key_and_no_base_can_be_dropped(path):
    own, bases = _own(path)
    whole = _merged(path, own, bases)
    assert whole == parse_from_yaml(str(path))
    for key in _keys(own):
        less = copy.deepcopy(own)
        inside = less
        for name in key[:-1]:
            inside = inside[name]
        del inside[key[-1]]
        assert _merged(path, less, bases) != whole, f"{'.'.join(key)} is what a base says"
    for base in bases:
        assert _merged(path, own, [other for other in bases if other != base]) != whole, f"{base} adds nothing"


def test_every_base_is_used():
    used = {(path.parent / base).resolve() for path in BUILT_UPON for base in _own(path)[1]}
    assert {path for path in FILES if path.parent.name == "_base_"} == used


@pytest.mark.parametrize("name", published())
def test_every_row_loads_and_trains_as_long_as_published(name):
    config, row = load_config(config_path(name)), published()[name]
    assert config.iters == row["schedule"]["iterations"]
    assert config.dic["total_batch_size"] == row["batch"]
    # Written for four cards, the row of PSANet_paddle for the one it was trained on.
    assert config.batch_size * (1 if row["source"] == "psanet_paddle" else 4) == row["batch"]


def test_two_rows_are_never_the_same():
    contents = [str(parse_from_yaml(str(config_path(name)))) for name in published()]
    assert len(set(contents)) == 47


MMSEG = "psanet_resnet50_os8_ade20k_512x512_80k_mmseg"
TINY = (
    "model.backbone.type=ResNet18_v1c",
    "model.backbone.base_channels=8",
    "model.backbone.pretrained=null",
    "model.feats_channels=8",
    "model.mask_size=[3, 3]",
)


@pytest.mark.parametrize(
    "changes, iters, decay_steps",
    [
        ({}, 80000, 79999),
        ({"iters": 500}, 500, 499),
        ({"opts": ["iters=500"]}, 500, 499),
        ({"iters": 1}, 1, 1),
        ({"iters": 500, "opts": ["lr_scheduler.decay_steps=300"]}, 500, 300),
    ],
)
def test_mmengines_decay_ends_with_the_run(changes, iters, decay_steps):
    config = load_config(config_path(MMSEG), **changes)
    assert (config.iters, config.lr_scheduler_cfg["decay_steps"]) == (iters, decay_steps)


def test_any_other_decay_is_paddlesegs_business(tmp_path):
    path = tmp_path / "long.yml"
    path.write_text(f"_base_: {config_path(MMSEG)}\nlr_scheduler:\n  decay_steps: 100000\n")
    assert load_config(path, iters=500).lr_scheduler_cfg["decay_steps"] == 100000


@pytest.mark.parametrize(
    "name",
    [MMSEG, "psanet_resnet50_os8_voc12aug_512x512_60e_ssseg", "psanet_resnet50_os8_cityscapes_1024x512_80k"],
)
def test_stepping_follows_the_publishers_formula(name):
    """As the trainer does it, one step after another, in a run of 2000 iterations."""
    row = {**published()[name], "schedule": {"iterations": 2000}}
    opts = [opt for opt in TINY if row["source"] != "psanet_paddle" or "pretrained" in opt or "backbone" not in opt]
    optimizer = Builder(load_config(config_path(name), iters=2000, opts=opts), pretrained=False).build("optimizer")
    rates = []
    for _ in range(2000):
        rates.append(optimizer.get_lr())
        optimizer._learning_rate.step()
    for iteration in curves.points(2000):
        assert abs(rates[iteration] - curves.learning_rate(row, iteration)) < 1e-12
    assert rates[0] == 0.01
    assert (rates[-1] == row["learning_rate"]["floor"]) == (row["source"] == "mmseg")
