"""Segment images with an exported model in Paddle Inference; `python deploy/python/infer.py --help` explains it."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
import paddle
import paddleseg.transforms as T
from paddleseg.core import infer
from paddleseg.utils import logger, progbar

from paddleseg_ext.engine import cli, visualize
from paddleseg_ext.engine.deploy_yaml import Deploy, read_deploy
from paddleseg_ext.engine.image_list import ImageFile, find_images, read_image
from paddleseg_ext.engine.predict import where_results_are, write_results
from paddleseg_ext.engine.predictor import Predictor, open_predictor
from paddleseg_ext.errors import UserError
from paddleseg_ext.files import write_whole

EXAMPLES = """
python deploy/python/infer.py --config output/export/deploy.yaml --image_path photo.jpg --save_dir output/pictures
python deploy/python/infer.py --config output/export/deploy.yaml --image_path photos/ --batch_size 4 --benchmark
python deploy/python/infer.py --config output/export/deploy.yaml --image_path list.txt --enable_mkldnn False
"""
_TENSORRT = "TensorRT was not tried with these models"


def yes_or_no(text: str) -> bool:
    """PaddleSeg's way to write a switch: ``--benchmark True``."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")
    return text.lower() in ("true", "1")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    switch = {"type": yes_or_no, "nargs": "?", "const": True, "default": False, "metavar": "True|False"}
    parser = cli.Parser("Segment images with an exported model in Paddle Inference.", EXAMPLES)
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="the deploy.yaml that export.py wrote, or its folder."
    )
    cli.add_picture_flags(parser, save_dir="output/infer")
    parser.add_argument(
        "--batch_size",
        type=cli.positive_int,
        default=1,
        metavar="N",
        help="images that run together, where neighbours have one size after the transforms.",
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where to compute.")
    parser.add_argument(
        "--enable_mkldnn",
        type=yes_or_no,
        default=None,
        metavar="True|False",
        help="oneDNN on a CPU; by default it is tried on the model and used where it gives the same results.",
    )
    parser.add_argument(
        "--cpu_threads", type=cli.positive_int, metavar="N", help="threads of the CPU (default: all cores)."
    )
    parser.add_argument("--benchmark", **switch, help="print how long preparing, running and finishing took.")
    parser.add_argument("--save_log_path", metavar="FILE", help="with --benchmark, write the table there as well.")
    parser.add_argument("--model_name", default="model", metavar="NAME", help="its name in that table.")
    parser.add_argument("--print_detail", **switch, help="show the log lines of Paddle Inference.")
    parser.add_argument("--precision", choices=("fp32",), default="fp32", help="of the computation.")
    parser.refuse(
        "--use_trt", "--min_subgraph_size", "--enable_auto_tune", "--auto_tuned_shape_file", why=_TENSORRT
    )
    return parser.parse_args(arguments)


class Stopwatch:
    """Seconds spent preparing, running and finishing."""

    STAGES = ("prepare", "run", "finish")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(self.STAGES, 0.0)
        self._start = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for ``stage``."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._start
        self._start = now

    def table(self, name: str, images: int) -> str:
        """Milliseconds per image by stage, and images per second."""
        total = sum(self.seconds.values())
        heads = ["images", *(f"{stage} ms" for stage in (*self.STAGES, "total")), "images/s"]
        figures = [1000 * value / images for value in (*self.seconds.values(), total)] + [images / total]
        cells = [str(images), *(f"{figure:.2f}" for figure in figures)]
        width = max(len(name), len("model"))
        rows = (("model", heads), (name, cells))
        return "\n".join(f"{first:<{width}}" + "".join(f"{cell:>12}" for cell in rest) for first, rest in rows)


def batches(images: Sequence[ImageFile], transforms: T.Compose, deploy: Deploy, size: int) -> Iterator[list]:
    """Lists of (image, pixels, transformed data) whose inputs have one size, at most ``size`` long.

    Raises:
        UserError: An image cannot be decoded, or has another size than a fixed input.
    """

    batch = []
    for image in images:
        pixels = read_image(image.path, deploy.img_channels)
        data = transforms({"img": pixels.astype("float32")})
        given, wanted = data["img"].shape, deploy.input_shape[1:]
        if any(want not in (-1, have) for have, want in zip(given, wanted)):
            raise UserError(
                f"{image.path} is {'x'.join(map(str, given))} (C, H, W) after the transforms and the model was "
                f"exported for {'x'.join(map(str, wanted))}; export it again without --input_shape."
            )
        if batch and (len(batch) == size or batch[-1][2]["img"].shape != given):
            yield batch
            batch = []
        batch.append((image, pixels, data))
    yield batch


def to_labels(output: np.ndarray, trans_info: list, output_op: str) -> np.ndarray:
    """Class indices (H, W), uint8, at the size of the image, from one item of the model's output.

    Scores are resized before the best is taken, as ``predict.py`` does; labels can only be repeated or dropped.
    """
    if output_op == "argmax":
        output = paddle.to_tensor(output[np.newaxis, np.newaxis].astype(np.float32))
        return infer.reverse_transform(output, trans_info, mode="nearest").numpy()[0, 0].astype(np.uint8)
    scores = infer.reverse_transform(paddle.to_tensor(output[np.newaxis]), trans_info, mode="bilinear")
    return paddle.argmax(scores, axis=1, dtype="int32").numpy()[0].astype(np.uint8)


def run_model(predictor: Predictor, inputs: list, input_shape: tuple) -> np.ndarray:
    """The outputs for ``inputs``; where the model's batch is fixed and larger, it is filled up with the last one."""
    missing = max(0, input_shape[0] - len(inputs))
    return predictor(np.stack(inputs + inputs[-1:] * missing))[: len(inputs)]


def segment(
    predictor: Predictor,
    deploy: Deploy,
    images: Sequence[ImageFile],
    save_dir: str,
    batch_size: int = 1,
    custom_color: Optional[Sequence[int]] = None,
) -> Stopwatch:
    """Segment images and write the results; returns the time it took by stage."""
    transforms = deploy.preprocess()
    names = deploy.class_names or [f"class {index}" for index in range(256)]
    colours = deploy.palette
    if custom_color or not deploy.palette.any():
        colours = visualize.palette(len(names), custom_color=custom_color)
    if deploy.input_shape[0] > 0:
        batch_size = deploy.input_shape[0]
    bar = progbar.Progbar(target=len(images), verbose=1)
    done, watch = 0, Stopwatch()
    for batch in batches(images, transforms, deploy, batch_size):
        watch.lap("prepare")
        outputs = run_model(predictor, [data["img"] for _, _, data in batch], deploy.input_shape)
        watch.lap("run")
        for (image, pixels, data), output in zip(batch, outputs):
            labels = to_labels(output, data["trans_info"], deploy.output_op)
            write_results(save_dir, image.name, pixels, labels, names, colours)
        done += len(batch)
        bar.update(done)
        watch.lap("finish")
    return watch


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, check everything, run."""
    args = parse(arguments)
    deploy = read_deploy(args.config)
    images = find_images(args.image_path)
    if args.device == "gpu":
        cli.use_device("gpu")
    if args.save_log_path and not args.benchmark:
        raise UserError("--save_log_path is where the table of --benchmark goes; add --benchmark.")
    predictor = open_predictor(
        deploy,
        args.enable_mkldnn,
        device=args.device,
        device_id=args.device_id,
        cpu_threads=args.cpu_threads,
        verbose=args.print_detail,
    )
    # What is left to Paddle outside the predictor is resizing scores.
    paddle.set_device("cpu")
    watch = segment(predictor, deploy, images, args.save_dir, args.batch_size, args.custom_color)
    logger.info(where_results_are(args.save_dir, len(images)))
    if args.benchmark:
        table = watch.table(args.model_name, len(images))
        print(table, flush=True)
        if args.save_log_path:
            with write_whole(args.save_log_path) as path:
                path.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(cli.run(main))
