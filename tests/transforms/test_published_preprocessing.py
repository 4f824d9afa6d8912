"""A picture through each implementation's own preparation for a test, and through the YAML's: the same pixels.

SSSegmentation and mmsegmentation are run live in ``tests/peers``; here each procedure is written out in numpy and
OpenCV, step by step as its program does it, in the number types that it does it in.
"""

import cv2
import numpy as np
import paddleseg.transforms as T
import pytest
from paddleseg.cvlibs import manager

from paddleseg_ext.config.config import load_config
from paddleseg_ext.zoo.table import config_path

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def fit_into(image, base):
    """mmcv's ``imrescale`` and SSSegmentation's ``Resize``: 8-bit, rounded halves up."""
    height, width = image.shape[:2]
    factor = min(max(base) / max(height, width), min(base) / min(height, width))
    return cv2.resize(image, (int(width * factor + 0.5), int(height * factor + 0.5)), interpolation=cv2.INTER_LINEAR)


def openmmlab(image, base):
    image = cv2.cvtColor(fit_into(image, base), cv2.COLOR_BGR2RGB).astype(np.float64)
    return ((image - np.array(MEAN)) * (1 / np.array(STD))).astype(np.float32)


def semseg(image, long_size, side):
    """``SemData``, ``test`` and ``scale_process``: float32 before it is resized, the mean around what is too small."""
    image = np.float32(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    height, width = image.shape[:2]
    new_height = new_width = long_size
    if height > width:
        new_width = round(long_size / float(height) * width)
    else:
        new_height = round(long_size / float(width) * height)
    image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    mean, std = ([value * 255 for value in values] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    down, across = max(side - new_height, 0), max(side - new_width, 0)
    above, left = int(down / 2), int(across / 2)
    image = cv2.copyMakeBorder(image, above, down - above, left, across - left, cv2.BORDER_CONSTANT, value=[*mean, 0.0])
    return (image - np.array(mean, np.float32)) / np.array(std, np.float32)


def openseg(image, mean, short=None, stretch=None, multiple=1):
    """``Resize``, ``ToTensor``, ``Normalize`` with numbers on float32 tensors, ``collate`` with fit_stride."""
    height, width = image.shape[:2]
    if short:
        ratio = short / min(width, height)
        size = (int(round(width * ratio)), int(round(height * ratio)))  # noqa: RUF046  as it is written there
        image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    if stretch:
        image = cv2.resize(image, stretch, interpolation=cv2.INTER_CUBIC)
    image = image.astype(np.float32) / np.float32(1.0)
    image = (image - np.array(mean, np.float32)) / np.ones(3, np.float32)
    height, width = image.shape[:2]
    down, across = -height % multiple, -width % multiple
    return np.pad(image, [(0, down), (0, across), (0, 0)])


BGR = [102.9801, 115.9465, 122.7717]
CASES = {
    "pspnet_resnet50_os8_voc12aug_512x512_60e_ssseg": lambda image: openmmlab(image, (2048, 512)),
    "psanet_resnet50_os8_ade20k_512x512_80k_mmseg": lambda image: openmmlab(image, (2048, 512)),
    "psanet_resnet50_os8_cityscapes_769x769_80k_mmseg": lambda image: openmmlab(image, (2049, 1025)),
    "psanet_resnet50_os8_ade20k_465x465_100e_semseg": lambda image: semseg(image, 512, 465),
    "pspnet_resnet101_os8_voc12aug_473x473_50e_semseg": lambda image: semseg(image, 512, 473),
    "pspnet_resnet50_os8_cityscapes_713x713_200e_semseg": lambda image: semseg(image, 2048, 713),
    "isanet_resnet101_os8_cityscapes_1024x512_40k_openseg": lambda image: openseg(image, BGR),
    "isanet_resnet50_os8_ade20k_520x520_150k_openseg": lambda image: openseg(image, BGR, short=520, multiple=8),
    "isanet_resnet101_os16_lip_473x473_110k_openseg": lambda image: openseg(
        image, [104.00698793, 116.66876762, 122.67891434], stretch=(473, 473)
    ),
    "psanet_resnet50_os8_cityscapes_1024x512_80k": lambda image: (
        (cv2.cvtColor(image, cv2.COLOR_BGR2RGB) / np.float32(255) - 0.5) / 0.5
    ).astype(np.float32),
}


@pytest.mark.parametrize(
    "size", [(375, 500), (500, 334), (512, 1024), (97, 683)], ids=lambda size: "x".join(map(str, size))
)
@pytest.mark.parametrize("name", CASES)
def test_the_same_pixels(name, size, tmp_path):
    image = np.random.RandomState(1).randint(0, 256, (*size, 3)).astype(np.uint8)
    assert cv2.imwrite(str(tmp_path / "picture.png"), image)
    steps = load_config(config_path(name)).val_dataset_cfg["transforms"]
    compose = T.Compose([manager.TRANSFORMS[step.pop("type")](**step) for step in steps])
    ours = compose({"img": str(tmp_path / "picture.png")})["img"].transpose(1, 2, 0)
    theirs = CASES[name](image)
    assert ours.shape == theirs.shape and ours.dtype == np.float32
    if name.endswith("openseg"):
        # Values of 150: a difference of 1e-6 is less than a last bit.
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
