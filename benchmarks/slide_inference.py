"""Compare the times of PaddleSeg's sliding window and of the one in our evaluation and prediction.

    python benchmarks/slide_inference.py [--height 1025] [--width 2049] [--crop 769] [--stride 513] [--num_classes 19]

The network is one convolution of stride 8 and the resize of its logits, so that the cost of the windows is visible.
PaddleSeg copies the logits of every window to the host and adds them there in float64. Ours stay on the device, and
several windows go through the network at once. The defaults are those of the published rows with crops of 769x769. The
methods take turns, and the medians of their times are compared. All of these times include the network itself.
"""

import argparse
import statistics
import time

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn
from paddleseg.core import infer

from paddleseg_ext.protocol.windows import slide_logits

BATCHES = (1, 2, 4, 8)


class Net(nn.Layer):
    """Image (N, 3, H, W) to logits (N, num_classes, H, W)."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2D(3, num_classes, 16, 8, 4)

    def forward(self, x):
        return [F.interpolate(self.convolution(x), x.shape[2:], mode="bilinear", align_corners=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--height", type=int, default=1025)
    parser.add_argument("--width", type=int, default=2049)
    parser.add_argument("--crop", type=int, default=769)
    parser.add_argument("--stride", type=int, default=513)
    parser.add_argument("--num_classes", type=int, default=19)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()

    paddle.seed(0)
    net = Net(args.num_classes)
    net.eval()
    image = paddle.to_tensor(np.random.RandomState(0).randn(1, 3, args.height, args.width).astype("float32"))
    crop, stride = (args.crop, args.crop), (args.stride, args.stride)
    ways = {"paddleseg 2.8.0": lambda: infer.slide_inference(net, image, crop, stride)}
    for size in BATCHES:
        ways[f"slide_batch_size {size}"] = lambda size=size: slide_logits(
            lambda x: net(x)[0], image, crop, stride, size
        )

    windows = []
    slide_logits(lambda x: windows.append(x) or net(x)[0], image, crop, stride, 1)
    ways["the network alone"] = lambda: [net(window)[0] for window in windows][-1]

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    with paddle.no_grad():
        for turn in range(args.rounds + 1):
            for name, way in ways.items():
                start = time.perf_counter()
                logits = way()
                float(logits[0, 0, 0, 0])  # reading a value waits for the device
                if turn:  # the first round warms up
                    seconds[name].append(time.perf_counter() - start)
                results[name] = logits.argmax(axis=1).numpy()

    print(f"Paddle {paddle.__version__}, {paddle.get_device()}; {args.height}x{args.width}, {args.num_classes} classes")
    median = {name: statistics.median(times) for name, times in seconds.items()}
    first = next(iter(ways))
    for name, value in median.items():
        if name == "the network alone":
            print(f"{name:<20}{value * 1000:9.1f} ms")
            continue
        differing = int((results[name] != results[first]).sum())
        print(
            f"{name:<20}{value * 1000:9.1f} ms   {median[first] / value:5.2f} times as fast, "
            f"{differing} of {results[name].size} labels differ"
        )


if __name__ == "__main__":
    main()
