"""Compare the three models in ONNX with the Paddle models, at published width: their results and times.

    python benchmarks/onnx_export.py [--model psanet ...] [--depth 50] [--layout ssseg] [--sizes 97x129 512x512 ...]

One file per model is written as export.py writes it, but without export.py's comparison, and run at every size with
batches of one and two. A cell has the largest difference of its logits from the Paddle model's, the number of pixels
with another label, and the ratio of the median times (above 1, ONNX is faster); the two take turns. The weights are
drawn from a seed, and logits are of order one.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paddle

from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.deploy.onnx_export import OPSET, OnnxPredictor, packages, save_onnx
from paddleseg_ext.ops import backend
from paddleseg_ext.parity.our_side import BACKBONES, MODELS, build, default_settings
from paddleseg_ext.parity.peer_side.draw import draw_batch, draw_calibrated
from paddleseg_ext.pictures.visualize import palette

CLASSES = 19


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--depth", type=int, choices=BACKBONES, default=50)
    parser.add_argument("--layout", choices=("ssseg", "mmseg"), default="ssseg")
    parser.add_argument("--sizes", nargs="+", default=["97x129", "512x512", "513x1025"], help="HEIGHTxWIDTH")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    sizes = [tuple(map(int, size.split("x"))) for size in args.sizes]
    versions = ", ".join(f"{name} {module.__version__}" for name, module in vars(packages()).items())
    print(f"Paddle {paddle.__version__}, {versions}; {args.layout}, depth {args.depth}\n")
    print(f"| model | batch | {' | '.join(args.sizes)} |\n|---|---|{'---|' * len(sizes)}")
    paddle.set_device("cpu")
    for name in args.model:
        with tempfile.TemporaryDirectory() as folder:
            model = drawn_model(name, args.layout, args.depth)
            with backend.wished("native"):  # as in export.py; the Paddle model may run the compiled operator
                run = OnnxPredictor(written(model, Path(folder)))
            for count in (1, 2):
                cells = [cell(model, run, draw_batch(0, count, size, CLASSES)[0], args.rounds) for size in sizes]
                print(f"| {type(model).__name__} | {count} | {' | '.join(cells)} |", flush=True)


def drawn_model(name: str, layout: str, depth: int) -> paddle.nn.Layer:
    """A model in eval mode, with the weights of the comparisons with the published implementations."""
    settings = default_settings(peer=layout, model=name, depth=depth)
    model = build(settings)
    for ours, tensor in model.state_dict().items():
        theirs = their_name(ours, IMPLEMENTATIONS[layout], name)
        tensor.set_value(draw_calibrated(theirs, tuple(tensor.shape), settings["seed"]))
    model.eval()
    return model


def written(model: paddle.nn.Layer, folder: Path) -> Path:
    """Write the ONNX file of a model's logits."""
    deploy = save_onnx(
        model,
        Deploy(
            folder=folder,
            model="",
            params="",
            transforms=[],
            img_channels=3,
            input_shape=(-1, 3, -1, -1),
            output_op="none",
            output_dtype="float32",
            custom_ops=(),
            class_names=[str(number) for number in range(CLASSES)],
            palette=palette(CLASSES),
            paddle_version=paddle.__version__,
        ),
        OPSET,
    )
    return folder / deploy.model


def cell(model: paddle.nn.Layer, run: Callable, batch: np.ndarray, rounds: int) -> str:
    """The cell of the table for one batch (N, 3, H, W), float32."""
    seconds: dict[str, list[float]] = {"live": [], "onnx": []}
    ways = {"live": lambda: model(paddle.to_tensor(batch))[0].numpy(), "onnx": lambda: run(batch)}
    logits = {}
    with paddle.no_grad():
        for turn in range(rounds + 1):
            for way, compute in ways.items():
                start = time.perf_counter()
                logits[way] = compute()
                if turn:  # the first round warms up
                    seconds[way].append(time.perf_counter() - start)
    labels = {way: each.argmax(axis=1) for way, each in logits.items()}
    differing = int((labels["onnx"] != labels["live"]).sum())
    ratio = statistics.median(seconds["live"]) / statistics.median(seconds["onnx"])
    difference = np.abs(logits["onnx"] - logits["live"]).max()
    return f"{difference:.1e}, {differing} of {labels['live'].size}, {ratio:.2f}x"


if __name__ == "__main__":
    main()
