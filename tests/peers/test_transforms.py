"""The transforms against the peers' own, with the same random draws: the same pixels, bit for bit.

All draw from numpy's global generator. Ours draw in the peers' order, so it is enough to seed it alike before each
step; flipping, which PaddleSeg draws elsewhere, is switched on or off instead.
"""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import paddleseg.transforms as T
import pytest
from paddleseg.cvlibs import manager

from tests.peers.conftest import PEERS, PYTHON

SIZES = [(375, 500), (500, 375), (97, 129), (64, 64), (31, 257), (3, 2)]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def picture(height: int, width: int, seed: int = 0, classes: int = 4, void: float = 0.2) -> tuple:
    """An RGB image with every brightness and hue, and a label in blocks of 8 pixels with a share of void ones."""
    rng = np.random.RandomState(seed)
    coarse = rng.randint(0, 256, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image[::3, ::2] = rng.randint(0, 256, image[::3, ::2].shape)
    image[: height // 8] = image[: height // 8, :, :1]  # gray
    label = rng.randint(0, classes, (height // 8 + 1, width // 8 + 1)).astype(np.uint8)
    label[rng.rand(*label.shape) < void] = 255
    return image, label.repeat(8, 0).repeat(8, 1)[:height, :width]


def ours(steps: list, image: np.ndarray, label: np.ndarray, seed: int) -> tuple:
    """Image, RGB (H, W, 3), and label after steps (type, settings), as PaddleSeg's data sets call them."""
    data = {"img": image.astype("float32"), "label": label, "gt_fields": ["label"], "trans_info": []}
    for index, (kind, settings) in enumerate(steps):
        np.random.seed(seed + index)
        data = manager.TRANSFORMS[kind](**settings)(data)
    return data["img"], data["label"]


@pytest.fixture
def theirs(peer):
    """``theirs(name, steps, image, label, seed, row="voc12aug")``: the same from a peer, which works in BGR."""

    def call(name, steps, image, label, seed, row="voc12aug"):
        settings = {"peer": name, "row": row, "steps": steps, "seed": seed}
        outputs = peer("transforms", settings=settings, image=image[..., ::-1].copy(), label=label)
        return outputs["image"], outputs["label"]

    return call


def same(our: tuple, their: tuple) -> None:
    """Equal 8-bit images, theirs in BGR, and equal labels."""
    assert their[0].dtype == np.uint8
    np.testing.assert_array_equal(our[0], their[0][..., ::-1])
    np.testing.assert_array_equal(our[1], their[1])


RESIZE = {
    "mmseg": lambda base, ratios: ("RandomResize", {"scale": base, "ratio_range": ratios}),
    "ssseg": lambda base, ratios: ("Resize", {"output_size": base, "scale_range": ratios}),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("base", [(2048, 512), (2049, 1025), (64, 48), (48, 64)])
def test_resize_by_ratio(theirs, name, base):
    for seed, size in enumerate(SIZES if base[0] < 2000 else SIZES[:3]):
        image, label = picture(*size, seed)
        for low, high in ((0.5, 2.0), (1.0, 1.0)):
            settings = {"base_size": base, "min_ratio": low, "max_ratio": high}
            their = theirs(name, [RESIZE[name](base, (low, high))], image, label, seed)
            same(ours([("ResizeByRatio", settings)], image, label, seed), their)


LABELS = {
    "some classes": {"classes": 4},
    "nearly one class": {"classes": 2, "void": 0.9},
    "one class": {"classes": 1},
    "all void": {"void": 1.0},
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("kind", LABELS)
def test_random_class_ratio_crop(theirs, name, kind):
    shapes = set()
    for seed, size in enumerate(3 * [(96, 128), (97, 31), (20, 90), (24, 32), (9, 7)]):
        image, label = picture(*size, seed, **LABELS[kind])
        if kind == "some classes":
            label[:, size[1] // 4 :] = 2
        ratio = "cat_max_ratio" if name == "mmseg" else "one_category_max_ratio"
        their = theirs(name, [("RandomCrop", {"crop_size": (24, 32), ratio: 0.7})], image, label, seed)
        ssseg = name == "ssseg"
        settings = {"crop_size": (32, 24), "max_ratio": 0.7, "attempts": 10 if ssseg else 11}
        our = ours([("RandomClassRatioCrop", {**settings, "uncropped_if_void": ssseg})], image, label, seed)
        same((our[0].astype("uint8"), our[1]), their)
        shapes.add(our[0].shape)
    assert ((96, 128, 3) in shapes) == (name == "ssseg" and kind == "all void")


def combination(seed: int) -> tuple:
    """What a seed makes the peers do: brightness, contrast second, contrast, saturation, hue."""
    rng = np.random.RandomState(seed)

    def switch(draw=rng.uniform) -> int:
        on = rng.randint(2)
        if on:
            draw()
        return on

    brightness, second = switch(), rng.randint(2)
    contrast = switch() if second else 0
    saturation, hue = switch(), switch(lambda: rng.randint(-18, 18))
    return brightness, second, contrast if second else switch(), saturation, hue


@pytest.mark.parametrize("name", PEERS)
def test_photometric_distortion(theirs, name):
    seeds = {(*combination(seed), seed // 1000): seed for seed in range(4000)}
    assert len(seeds) == 4 * 32
    for seed in seeds.values():
        image, label = picture(40, 56, seed)
        their = theirs(name, [("PhotoMetricDistortion", {})], image, label, seed)
        same(ours([("PhotoMetricDistortion", {"swapped_hsv": name == "ssseg"})], image, label, seed), their)


@pytest.mark.parametrize("name", PEERS)
def test_photometric_distortion_settings(theirs, name):
    image, label = picture(64, 48)
    settings = {
        "brightness_delta": 90,
        "contrast_range": (0.0, 3.0),
        "saturation_range": (0.1, 4.0),
        "hue_delta": 90,
    }
    for seed in range(20):
        their = theirs(name, [("PhotoMetricDistortion", settings)], image, label, seed)
        same(ours([("PhotoMetricDistortion", {**settings, "swapped_hsv": name == "ssseg"})], image, label, seed), their)


@pytest.mark.parametrize("size", [(20, 30), (33, 47), (40, 48), (41, 47), (61, 90), (13, 91)])
def test_pad_to_size_center(theirs, size):
    image, label = picture(*size)
    steps = [("ToTensor", {}), ("Padding", {"output_size": (40, 48), "output_size_auto_adaptive": False})]
    their = theirs("ssseg", steps, image, label, 0)
    our = ours([("PadToSize", {"target_size": (48, 40), "position": "center"})], image, label, 0)
    same(our, (their[0].transpose(1, 2, 0).astype("uint8"), their[1]))


@pytest.mark.parametrize("size", [(20, 30), (33, 48), (40, 48)])
def test_pad_to_size_right_bottom(theirs, size):
    image, label = picture(*size)
    their = theirs("mmseg", [("Pad", {"size": (48, 40)})], image, label, 0)
    our = ours([("PadToSize", {"target_size": (48, 40)})], image, label, 0)
    same((our[0].astype("uint8"), our[1]), their)


ROWS = {
    "cityscapes": ((2048, 1024), (1024, 512), [(1024, 2048)]),
    "ade20k": ((2048, 512), (512, 512), [(512, 683), (900, 300)]),
    "voc12aug": ((2048, 512), (512, 512), [(375, 500), (500, 334)]),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("row", ROWS)
def test_whole_pipeline(theirs, name, row):
    base, crop, sizes = ROWS[row]
    ssseg = name == "ssseg"
    for seed in range(4):
        image, label = picture(*sizes[seed % len(sizes)], seed, void=1.0 if seed == 3 else 0.2)
        flip = float(seed % 2)
        ratio = "one_category_max_ratio" if ssseg else "cat_max_ratio"
        their_steps = [
            RESIZE[name](base, (0.5, 2.0)),
            ("RandomCrop", {"crop_size": crop[::-1], ratio: 0.75}),
            ("RandomFlip", {"prob": flip}),
            ("PhotoMetricDistortion", {}),
        ]
        our_steps = [
            ("ResizeByRatio", {"base_size": base, "min_ratio": 0.5, "max_ratio": 2.0}),
            (
                "RandomClassRatioCrop",
                {"crop_size": crop, "attempts": 10 if ssseg else 11, "uncropped_if_void": ssseg},
            ),
            ("RandomHorizontalFlip", {"prob": flip}),
            ("PhotoMetricDistortion", {"swapped_hsv": ssseg}),
        ]
        same(ours(our_steps, image, label, seed), theirs(name, their_steps, image, label, seed, row))

        normalize = ("Normalize", {"mean": MEAN, "std": STD})
        pad = ("PadToSize", {"target_size": crop, "position": "center" if ssseg else "right_bottom"})
        if ssseg:
            their_steps += [("Normalize", {}), ("ToTensor", {}), ("Padding", {})]
            our_steps += [normalize, pad]
        elif row == "voc12aug":
            their_steps += [("Pad", {}), ("finish", {})]
            our_steps += [pad, normalize]
        else:
            their_steps += [("finish", {})]
            our_steps += [normalize, pad]
        our = ours(our_steps, image, label, seed)
        their = theirs(name, their_steps, image, label, seed, row)
        assert our[0].dtype == their[0].dtype == np.float32
        np.testing.assert_allclose(our[0].transpose(2, 0, 1), their[0], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(our[1], their[1])


def test_from_files(theirs, tmp_path):
    """``Compose`` hands over the pixels that the peers read: 8-bit, and in the other order of colors."""
    image, label = picture(97, 129)
    for suffix in ("png", "jpg"):
        assert cv2.imwrite(f"{tmp_path}/image.{suffix}", image)
        settings = {"base_size": (96, 64), "min_ratio": 0.5, "max_ratio": 2.0}
        resize = manager.TRANSFORMS["ResizeByRatio"](**settings)
        np.random.seed(5)
        data = T.Compose([resize])({"img": f"{tmp_path}/image.{suffix}", "trans_info": []})
        read = cv2.imread(f"{tmp_path}/image.{suffix}")[..., ::-1]
        their = theirs("mmseg", [RESIZE["mmseg"]((96, 64), (0.5, 2.0))], read, label, 5)
        np.testing.assert_array_equal(data["img"].transpose(1, 2, 0), their[0][..., ::-1])


def test_recording_is_current(tmp_path):
    here = Path(__file__).parent
    command = [PYTHON, str(here / "record_transforms.py"), str(tmp_path / "now.npz")]
    subprocess.run(command, check=True, timeout=300)
    with np.load(tmp_path / "now.npz") as now, np.load(here.parent / "transforms" / "peers.npz") as recorded:
        assert sorted(now) == sorted(recorded)
        for key in now:
            np.testing.assert_array_equal(now[key], recorded[key])
