"""Records what the peers make of small images, for the tests that run without them.

    PEERS_PYTHON tests/peers/record_transforms.py tests/transforms/peers.npz

writes that file: for every seed an RGB image and a label (255 void), and from each peer both after resizing, cropping,
flipping, distorting and padding before normalization, numpy's generator seeded with ten times the seed plus the number
of the step before each step. Odd seeds flip. Seed 5 is all void.
"""

from peer_transforms_pipelines import Mmseg, Ssseg, mmseg_sample, ssseg_sample  # noqa: I001  first: it imports bootstrap

import sys

import cv2
import numpy as np

SIZES = [(40, 56), (56, 40), (33, 47), (24, 90), (41, 41), (48, 64)]
BASE, CROP = (64, 48), (32, 24)


def picture(height: int, width: int, seed: int) -> tuple:
    rng = np.random.RandomState(seed)
    image = cv2.resize(rng.randint(0, 256, (6, 7, 3)).astype(np.uint8), (width, height))
    image[::3, ::2] = rng.randint(0, 256, image[::3, ::2].shape)
    label = rng.randint(0, 3, (6, 7)).astype(np.uint8)
    label[rng.rand(6, 7) < (1.0 if seed == 5 else 0.2)] = 255
    return image, cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST)


def run(steps: list, sample: dict, seed: int) -> dict:
    for index, step in enumerate(steps):
        np.random.seed(10 * seed + index)
        sample = step(sample)
    return sample


def main(path: str) -> None:
    mmseg, ssseg = Mmseg("voc12aug"), Ssseg("voc12aug")
    arrays = {}
    for seed, size in enumerate(SIZES):
        image, label = picture(*size, seed)
        arrays[f"{seed}_image"], arrays[f"{seed}_label"] = image, label
        bgr, flip, crop = image[..., ::-1].copy(), float(seed % 2), CROP[::-1]
        steps = [
            mmseg.step("RandomResize", scale=BASE),
            mmseg.step("RandomCrop", crop_size=crop),
            mmseg.step("RandomFlip", prob=flip),
            mmseg.step("PhotoMetricDistortion"),
            mmseg.step("Pad", size=CROP),
        ]
        sample = run(steps, mmseg_sample(bgr, label), seed)
        arrays[f"{seed}_mmseg_image"], arrays[f"{seed}_mmseg_label"] = sample["img"][..., ::-1], sample["gt_seg_map"]
        steps = [
            ssseg.step("Resize", output_size=BASE),
            ssseg.step("RandomCrop", crop_size=crop),
            ssseg.step("RandomFlip", prob=flip),
            ssseg.step("PhotoMetricDistortion"),
            ssseg.step("ToTensor"),
            ssseg.step("Padding", output_size=crop, output_size_auto_adaptive=False),
        ]
        sample = run(steps, ssseg_sample(bgr, label), seed)
        target = sample["seg_target"].numpy()
        arrays[f"{seed}_ssseg_image"] = sample["image"].numpy().transpose(1, 2, 0)[..., ::-1].astype(np.uint8)
        arrays[f"{seed}_ssseg_label"] = np.where(target == -100, 255, target).astype(np.uint8)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
