"""Checkpoints that the peers' own training has just saved, converted: the same predictions."""

import json

import numpy as np
import paddle
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.convert.output import convert_file, record_path
from paddleseg_ext.weights.loading import load_weights
from tests.convert.state_dicts import write_yaml

CLASSES = 7


def settings_of(peer, model, depth, folder):
    """The peer's settings, and what our YAML says of the same network."""
    width = 16 if depth == 18 else 8
    theirs = {
        "peer": peer,
        "model": model,
        "depth": depth,
        "base_channels": width,
        "output_stride": 8,
        "num_classes": CLASSES,
        "align_corners": False,
        "dropout": 0.0,
        "mask_size": [5, 7],
        "seed": 3,
        "path": str(folder / f"{peer}_{model}_{depth}.pth"),
    }
    main, auxiliary = (8 * width, 4 * width) if depth == 18 else (32 * width, 16 * width)
    ours = {
        "type": f"{model[:3].upper()}Net",
        "layout": peer,
        "backbone": {"type": f"ResNet{depth}_v1c", "output_stride": 8, "base_channels": width},
        "aux_channels": auxiliary // (4 if depth == 18 or peer == "mmseg" else 2),
    }
    ours.update(
        {
            "pspnet": {"pp_out_channels": main // 4},
            "psanet": {"feats_channels": main // 4, "mask_size": [5, 7]},
            "isanet": {"isa_channels": main // 8},
        }[model]
    )
    return theirs, ours


def predict(config, weights, image):
    model = Builder(load_config(config)).build("model")
    load_weights(model, weights)
    model.eval()
    with paddle.no_grad():
        return model.feature_logits(paddle.to_tensor(image))[0].numpy()


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("model", ["pspnet", "psanet", "isanet"])
@pytest.mark.parametrize("of", ["ssseg", "mmseg"])
def test_a_checkpoint_after_one_iteration(peer, tmp_path, of, model, depth):
    random = np.random.default_rng(2)
    images = random.standard_normal((2, 3, 64, 96)).astype("float32")
    labels = random.integers(0, CLASSES, (2, 64, 96))
    image = random.standard_normal((2, 3, 65, 97)).astype("float32")
    theirs, ours = settings_of(of, model, depth, tmp_path)
    logits = peer("convert", settings=theirs, images=images, labels=labels, image=image)["logits"]
    assert 0.1 < logits.std() < 10

    config, weights = write_yaml(tmp_path, ours, CLASSES), tmp_path / "model.pdparams"
    conversion, _ = convert_file(theirs["path"], weights, config=config)
    np.testing.assert_allclose(predict(config, weights, image), logits, atol=5e-5, rtol=0)

    record = json.loads(record_path(weights).read_text())
    assert (conversion.found.implementation.name, conversion.found.model) == (of, model)
    others = {
        "ssseg": {"cur_epoch", "cur_iter", "optimizer", "model_ema"},
        "mmseg": {"meta", "message_hub", "optimizer", "param_schedulers"},
    }
    assert set(record["left_out"]) == {*others[of], "num_batches_tracked"}
    if of == "ssseg":
        average = tmp_path / "average.pdparams"
        convert_file(theirs["path"], average, config=config, entry="model_ema")
        assert np.abs(predict(config, average, image) - logits).max() > 1e-3
