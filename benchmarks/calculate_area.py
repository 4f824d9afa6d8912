"""Compare the times of PaddleSeg's own ``calculate_area`` and of the one-pass count that replaces it.

    python benchmarks/calculate_area.py [--height 1024] [--width 2048] [--num_classes 19] [--rounds 15]

PaddleSeg 2.8.0's function fails on Paddle 2.5 and later. Here only this fault is repaired: its lists of 0-D tensors are
stacked instead of concatenated. The two functions take turns, and the medians of their times are compared.
"""

import argparse
import inspect
import statistics
import time
from typing import Callable

import cv2
import numpy as np
import paddle
from paddleseg.utils import metrics

FAULT, REPAIR = "paddle.concat(", "paddle.stack("


def original_calculate_area() -> Callable:
    """PaddleSeg's function before ``paddleseg_ext`` replaced it, with its fault repaired."""
    source = inspect.getsource(metrics.calculate_area).replace(FAULT, REPAIR)
    scope = dict(vars(metrics))
    exec(source, scope)
    return scope["calculate_area"]


def scene(height: int, width: int, num_classes: int) -> tuple[paddle.Tensor, paddle.Tensor]:
    """A prediction and its label (1, 1, height, width). A tenth of each is wrong or ignored."""
    draw = np.random.RandomState(0)
    patches = draw.randint(0, num_classes, (height // 32, width // 32)).astype(np.uint8)
    label = cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.int64)
    pred = np.where(draw.rand(height, width) < 0.9, label, draw.randint(0, num_classes, label.shape)).astype(np.int32)
    label[draw.rand(height, width) < 0.1] = 255
    return paddle.to_tensor(pred[None, None]), paddle.to_tensor(label[None, None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=1024)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--num_classes", type=int, default=19)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()

    original = original_calculate_area()
    from paddleseg_ext.compat.calculate_area import calculate_area

    pred, label = scene(args.height, args.width, args.num_classes)
    seconds: dict[str, list[float]] = {"paddleseg 2.8.0": [], "paddleseg_ext": []}
    for _ in range(args.rounds):
        for name, function in zip(seconds, (original, calculate_area)):
            start = time.perf_counter()
            areas = function(pred, label, args.num_classes)
            total = int(areas[2].sum())  # reading a value waits for the device
            seconds[name].append(time.perf_counter() - start)
            assert total == int((label != 255).sum())

    print(f"Paddle {paddle.__version__}, {paddle.get_device()}; {args.height}x{args.width}, {args.num_classes} classes")
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, value in median.items():
        print(f"{name:16}{value * 1e3:9.2f} ms")
    print(f"ratio           {median['paddleseg 2.8.0'] / median['paddleseg_ext']:9.1f}")


if __name__ == "__main__":
    main()
