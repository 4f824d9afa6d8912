"""Images and labels for the transforms."""

import cv2
import numpy as np
import pytest
from paddleseg.cvlibs import manager


@pytest.fixture
def picture():
    """``picture(height, width, seed)``: an RGB image, uint8, and a label of three classes and void in blocks."""

    def draw(height: int, width: int, seed: int = 0) -> tuple:
        rng = np.random.RandomState(seed)
        image = cv2.resize(rng.randint(0, 256, (6, 7, 3)).astype(np.uint8), (width, height))
        image[::3, ::2] = rng.randint(0, 256, image[::3, ::2].shape)
        label = rng.choice([0, 1, 2, 255], (6, 7)).astype(np.uint8)
        return image, cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST)

    return draw


@pytest.fixture
def training_data():
    """``training_data(image, label)``: what ``Compose`` gives to a transform in training."""

    def pack(image: np.ndarray, label: np.ndarray) -> dict:
        return {"img": image, "label": label, "gt_fields": ["label"], "trans_info": []}

    return pack


@pytest.fixture
def build():
    """``build("PadToSize", ...)``: a transform as a YAML names it."""
    return lambda name, **settings: manager.TRANSFORMS[name](**settings)
