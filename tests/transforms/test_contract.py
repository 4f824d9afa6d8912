"""What every transform of the package does. A new transform adds a line to ``SETTINGS``."""

import inspect
import random
from typing import Optional

import numpy as np
import paddle
import pytest
from paddleseg.cvlibs import manager

import paddleseg_ext  # noqa: F401
from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import InferenceProtocol

REGISTERED = {
    name: kind
    for name, kind in manager.TRANSFORMS.components_dict.items()
    if kind.__module__.startswith("paddleseg_ext.transforms")
}
# Settings for a picture of 128x160 pixels (width x height), which show everything that the transform moves.
SETTINGS = {
    "Normalize": [{}, {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "channel_order": "BGR"}],
    "PadToSize": [
        {"target_size": [300, 300]},
        {"target_size": [300, 301], "position": "center"},
        {"size_divisor": 96, "position": "center"},
    ],
    "PhotoMetricDistortion": [{}],
    "RandomClassRatioCrop": [{"crop_size": [90, 70]}],
    "ResizeByRatio": [
        {"base_size": [200, 150], "min_ratio": 0.5, "max_ratio": 2.0},
        {"base_size": [90, 140], "fit": "stretch", "interpolation": "cubic"},
    ],
}
CASES = [(name, settings) for name in REGISTERED for settings in SETTINGS.get(name, [])]
# Sides of the picture's blocks in pixels: no mirror image of the grid is the grid.
WIDTHS = (12, 60, 16, 40)
HEIGHTS = (60, 16, 40, 12, 32)


@pytest.fixture
def blocks():
    """``blocks(channels)``: a picture (160, 128[, 3]), uint8, of 20 colors in blocks, and a label: a class for each."""

    def draw(channels: int) -> tuple[np.ndarray, np.ndarray]:
        label = np.arange(20, dtype=np.uint8).reshape(5, 4).repeat(HEIGHTS, 0).repeat(WIDTHS, 1)
        colors = np.random.RandomState(1).permutation(20)[:, None] * 9 + np.array([20, 40, 60])
        return colors.astype(np.uint8)[label][..., slice(3) if channels == 3 else 0], label

    return draw


def applied(name: str, settings: dict, data: dict, seed: int) -> dict:
    random.seed(seed)
    np.random.seed(seed)
    return manager.TRANSFORMS[name](**settings)(data)


def refused_or(name: str, settings: dict, data: dict, seed: int = 0) -> Optional[dict]:
    """The transformed data, or None if the transform refuses such data, in one sentence."""
    try:
        return applied(name, settings, data, seed)
    except UserError as error:
        assert str(error).startswith(name) and str(error).endswith(".") and "\n" not in str(error)
        return None


def test_every_transform_is_here():
    missing = sorted(set(REGISTERED) - set(SETTINGS))
    assert not missing, f"Add a line for {', '.join(missing)} to SETTINGS."
    assert set(SETTINGS) == set(REGISTERED)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_image_and_label_move_together(name, settings, channels, blocks, training_data):
    """Each class still has its color, and pixels that were not in the picture are ignored (255)."""
    for seed in range(3):
        image, label = blocks(channels)
        data = refused_or(name, settings, training_data(image, label), seed)
        if data is None:
            assert channels == 1
            return
        image, label = data["img"], data["label"]
        assert image.shape[:2] == label.shape and image.ndim == (3 if channels == 3 else 2)
        assert label.dtype == np.uint8 and data["trans_info"] == []
        assert set(np.unique(label)) <= {*range(20), 255}
        known = label[label != 255]
        # A class that grew is one that fills the padding.
        assert np.bincount(known).max() < 0.6 * known.size
        colors = []
        for value in np.unique(label):
            pixels = image[label == value].reshape(-1, channels).astype(float)
            colors.append(tuple(np.median(pixels, axis=0)))
            # Edges between blocks are blurred by a resize, and a crop keeps only the edge of some blocks.
            if len(pixels) >= 400:
                assert (np.abs(pixels - colors[-1]).max(axis=1) < 1e-3).mean() > 0.6, (seed, value)
        assert len(set(colors)) > len(colors) / 2


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_seed_decides_everything(name, settings, blocks, training_data):
    first, second = (applied(name, settings, training_data(*blocks(3)), 5) for _ in range(2))
    for key in ("img", "label"):
        np.testing.assert_array_equal(first[key], second[key])


class Itself(paddle.nn.Layer):
    """A network whose logits are its input."""

    def forward(self, x):
        return [x]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_a_prediction_has_the_size_and_the_places_of_the_picture(name, settings, blocks):
    """In evaluation the label stays, and ``trans_info`` says how to undo what changes the size."""
    original, label = blocks(3)
    data = {"img": original, "label": label, "gt_fields": [], "trans_info": []}
    data = refused_or(name, settings, data)
    if data is None:
        return
    np.testing.assert_array_equal(data["label"], label)
    logits = paddle.to_tensor(np.ascontiguousarray(data["img"].transpose(2, 0, 1)[None]).astype("float32"))
    undone = InferenceProtocol()(Itself(), logits, data["trans_info"])[1].numpy()[0].transpose(1, 2, 0)
    assert undone.shape == original.shape
    tolerance = 0.03 * np.ptp(undone)
    for value in range(20):
        pixels = undone[label == value]
        if len(pixels) >= 400:
            assert (np.abs(pixels - np.median(pixels, axis=0)).max(axis=1) < tolerance).mean() > 0.6, value


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, kind in REGISTERED.items() for argument in inspect.signature(kind).parameters],
)
def test_a_wrong_argument_is_one_sentence(name, argument):
    with pytest.raises(UserError) as error:
        manager.TRANSFORMS[name](**{**SETTINGS[name][0], argument: "nonsense"})
    sentence = str(error.value)
    assert sentence.startswith(f"{name}: {argument} is 'nonsense' and must be ")
    assert sentence.endswith(".") and "\n" not in sentence
