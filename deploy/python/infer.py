"""Segment images with an exported model in Paddle Inference; see `python deploy/python/infer.py --help`."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Union

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
import paddle
from paddleseg.utils import logger

from paddleseg_ext import cli
from paddleseg_ext.pictures import visualize
from paddleseg_ext.deploy.deploy_yaml import Deploy, read_deploy
from paddleseg_ext.deploy.exported_model import ExportedModel
from paddleseg_ext.pictures.image_list import find_images, read_image
from paddleseg_ext.pictures.results import LABELS, OVERLAYS, where_results_are, write_labels, write_results
from paddleseg_ext.deploy.predictor import open_predictor
from paddleseg_ext.cli.progress import progress_bar
from paddleseg_ext.pictures.video import SUFFIXES as VIDEOS
from paddleseg_ext.pictures.video import Video, write_video
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

EXAMPLES = """
python deploy/python/infer.py --config output/export/deploy.yaml --image_path photo.jpg --save_dir output/pictures
python deploy/python/infer.py --config output/export/deploy.yaml --image_path photos/ --batch_size 4 --benchmark
python deploy/python/infer.py --config output/export/deploy.yaml --image_path list.txt --enable_mkldnn False
python deploy/python/infer.py --config output/export/deploy.yaml --image_path drive.mp4 --save_dir output/video
"""
Picture = tuple[str, np.ndarray]
Inputs = Union[np.ndarray, list[np.ndarray]]
_TENSORRT = "TensorRT was not tested with these models"


def yes_or_no(text: str) -> bool:
    """The value of a switch that is written as in PaddleSeg: ``--benchmark True``."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither True nor False")
    return text.lower() in ("true", "1")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    switch: dict[str, Any] = {"type": yes_or_no, "nargs": "?", "const": True, "default": False, "metavar": "True|False"}
    parser = cli.Parser("Segment images with an exported model in Paddle Inference.", EXAMPLES)
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="the deploy.yaml that export.py wrote, or its folder."
    )
    cli.add_picture_flags(parser, save_dir="output/infer", video=True)
    parser.add_argument(
        "--batch_size",
        type=cli.positive_int,
        default=1,
        metavar="N",
        help="number of images that run together. Only neighbors of equal size run together.",
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="device to compute on.")
    parser.add_argument(
        "--enable_mkldnn",
        type=yes_or_no,
        default=None,
        metavar="True|False",
        help="use oneDNN on a CPU (default: yes, if its results are the same for this model).",
    )
    parser.add_argument(
        "--cpu_threads", type=cli.positive_int, metavar="N", help="number of CPU threads (default: all cores)."
    )
    parser.add_argument("--benchmark", **switch, help="print the times of the stages and the peak memory.")
    parser.add_argument("--save_log_path", metavar="FILE", help="with --benchmark: also write the table to this file.")
    parser.add_argument("--model_name", default="model", metavar="NAME", help="the model's name in that table.")
    parser.add_argument("--print_detail", **switch, help="show the log lines of Paddle Inference.")
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="PaddleSeg's precision of TensorRT. Here it changes nothing: a model runs in the precision of its export.",
    )
    parser.add_argument(
        "--with_argmax",
        action="store_true",
        help="accepted and ignored: scores always become labels.",
    )
    parser.give_way("--custom_color", "--save_log_path")
    parser.refuse("--use_trt", "--min_subgraph_size", "--enable_auto_tune", "--auto_tuned_shape_file", why=_TENSORRT)
    return parser.parse_args(arguments)


class Stopwatch:
    """The seconds spent on preparing images, running the model and finishing labels."""

    STAGES = ("pre", "run", "post")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(self.STAGES, 0.0)
        self.images = 0
        self._start = time.perf_counter()

    def lap(self, stage: str, of_which: float = 0.0) -> None:
        """Add the time since the last lap to ``stage``, but ``of_which`` seconds of it to the running model."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._start - of_which
        self.seconds["run"] += of_which
        self._start = now

    def table(self, name: str) -> str:
        """A table of milliseconds per image and stage, images per second, and the peak memory of the process."""
        total = sum(self.seconds.values())
        heads = ["images", *(f"{stage} ms" for stage in (*self.STAGES, "total")), "images/s", "memory MB"]
        figures = [1000 * value / self.images for value in (*self.seconds.values(), total)] + [self.images / total]
        cells = [str(self.images), *(f"{figure:.2f}" for figure in figures), _peak_memory()]
        width = max(len(name), len("model"))
        rows = (("model", heads), (name, cells))
        return "\n".join(f"{first:<{width}}" + "".join(f"{cell:>12}" for cell in rest) for first, rest in rows)


def _peak_memory() -> str:
    """The peak memory of the process in megabytes, or ``-`` if the system does not report it."""
    try:
        import resource
    except ImportError:  # on Windows
        return "-"
    # In kilobytes on Linux, in bytes on macOS.
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 2**10):.0f}"


def batches(
    pictures: Iterable[Picture], prepare: Callable[[dict[str, Any]], dict[str, Any]], size: int
) -> Iterator[tuple[list[Picture], Inputs, list[tuple]]]:
    """Group neighbors that have one size before and after the transforms.

    Args:
        pictures: (name, pixels) of each picture.
        prepare: The transforms.
        size: The largest number of pictures in a batch.

    Yields:
        The pictures of a batch, their inputs (N, C, H, W), or a list of such arrays with one for every scale, and their
        ``trans_info``.
    """
    batch: list[Picture] = []
    inputs: list[Any] = []
    kind: Any = None
    for picture in pictures:
        data = prepare({"img": picture[1].astype("float32")})
        views = data["img"] if isinstance(data["img"], list) else [data["img"]]
        this_kind = [view.shape for view in views], data["trans_info"]
        if batch and (len(batch) == size or this_kind != kind):
            yield batch, _stacked(inputs), kind[1]
            batch, inputs = [], []
        batch.append(picture)
        inputs.append(data["img"])
        kind = this_kind
    if batch:
        yield batch, _stacked(inputs), kind[1]


def _stacked(inputs: list[Any]) -> Inputs:
    return [np.stack(views) for views in zip(*inputs)] if isinstance(inputs[0], list) else np.stack(inputs)


def segment(
    model: ExportedModel,
    deploy: Deploy,
    pictures: Iterable[Picture],
    write: Callable[[str, np.ndarray, np.ndarray], None],
    count: int,
    batch_size: int = 1,
) -> Stopwatch:
    """Segment pictures; call ``write`` with each and its labels.

    Args:
        pictures: (name, pixels uint8) of each picture.
        write: A function of name, pixels and labels uint8 (H, W).
        count: The expected number of pictures, for the progress bar.
        batch_size: The largest number of pictures that run together; a fixed batch of the model comes first.

    Returns:
        The seconds of each stage.

    Raises:
        UserError: A picture does not fit the model. The sentence begins with its name.
    """
    if deploy.input_shape[0] > 0:
        batch_size = deploy.input_shape[0]
    prepare = deploy.protocol.transforms(deploy.preprocess())
    watch = Stopwatch()
    with paddle.no_grad(), progress_bar(count) as bar:
        for batch, inputs, trans_info in batches(pictures, prepare, batch_size):
            watch.lap("pre")
            before = model.seconds
            try:
                found = model.labels(inputs, trans_info)
            except UserError as error:
                raise UserError(f"{batch[0][0]}: {error}") from None
            for (name, pixels), labels in zip(batch, found):
                write(name, pixels, labels)
            watch.images += len(batch)
            bar.update(watch.images)
            watch.lap("post", of_which=model.seconds - before)
    return watch


def segment_video(video: Video, save_dir: str, names: list[str], colors: np.ndarray, **work: Any) -> Stopwatch:
    """Segment a video: write label images of every frame, and a video of the frames with the colors of their labels.

    Args:
        save_dir: The folder for ``label/NAME/000001.png`` and so on, and ``added_prediction/NAME.mp4``.
        names, colors: The names and the colors of the classes.
        work: The other arguments of ``segment``.

    Raises:
        UserError: The video ends before its last frame.
    """
    stem = video.path.stem

    def write(name: str, pixels: np.ndarray, labels: np.ndarray) -> None:
        write_labels(save_dir, f"{stem}/{name}", labels)
        # No legend: its height would depend on the classes of a frame.
        add(visualize.overlay(pixels, labels, colors, len(names)))

    frames = ((f"{number:06d}", pixels) for number, pixels in enumerate(video.frames(), 1))
    with write_video(f"{save_dir}/{OVERLAYS}/{stem}.mp4", video.frames_per_second) as add:
        watch = segment(pictures=frames, write=write, count=video.frame_count, **work)
        video.require_whole()
    return watch


def main(arguments: Sequence[str]) -> None:
    """Segment images or a video; see ``--help``."""
    args = parse(arguments)
    deploy = read_deploy(args.config)
    video = Video(args.image_path) if args.image_path.lower().endswith(VIDEOS) else None
    images = [] if video else find_images(args.image_path)
    if args.device == "gpu":
        cli.use_device("gpu")
    if args.save_log_path and not args.benchmark:
        raise UserError("--save_log_path needs the table of --benchmark; add --benchmark.")
    if args.precision != "fp32":
        logger.info(f"--precision {args.precision} is for TensorRT; it changes nothing here.")
    if args.with_argmax:
        what = "the model's output is labels" if deploy.output_op == "argmax" else "labels are always made of scores"
        logger.info(f"--with_argmax changes nothing: {what}.")
    predictor = open_predictor(
        deploy,
        args.enable_mkldnn,
        device=args.device,
        device_id=args.device_id,
        cpu_threads=args.cpu_threads,
        verbose=args.print_detail,
    )
    # Outside the predictor, Paddle only resizes scores.
    paddle.set_device("cpu")
    names = deploy.class_names or [f"class {index}" for index in range(256)]
    colors = deploy.palette
    if args.custom_color or not deploy.palette.any():
        colors = visualize.palette(len(names), custom_color=args.custom_color)
    work = {"model": ExportedModel(predictor, deploy), "deploy": deploy, "batch_size": args.batch_size}
    if video:
        watch = segment_video(video, args.save_dir, names, colors, **work)
        logger.info(f"{watch.images} frames; see {args.save_dir}: {LABELS}/ (class indices), {OVERLAYS}/ (video).")
    else:

        def write(name: str, pixels: np.ndarray, labels: np.ndarray) -> None:
            write_results(args.save_dir, name, pixels, labels, names, colors)

        pictures = ((image.name, read_image(image.path, deploy.img_channels)) for image in images)
        watch = segment(pictures=pictures, write=write, count=len(images), **work)
        logger.info(where_results_are(args.save_dir, len(images)))
    if args.benchmark:
        table = watch.table(args.model_name)
        print(table, flush=True)
        if args.save_log_path:
            with write_whole(args.save_log_path) as path:
                path.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(cli.run(main))
