"""Segment images with an exported model in Paddle Inference; `python deploy/python/infer.py --help` explains it."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Union

try:
    import resource
except ImportError:  # on Windows
    resource = None

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
    cli.add_picture_flags(parser, save_dir="output/infer", video=True)
    parser.add_argument(
        "--batch_size",
        type=cli.positive_int,
        default=1,
        metavar="N",
        help="images that run together, where neighbours have one size.",
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
    parser.add_argument("--benchmark", **switch, help="print times by stage, and the memory.")
    parser.add_argument("--save_log_path", metavar="FILE", help="with --benchmark, write the table there as well.")
    parser.add_argument("--model_name", default="model", metavar="NAME", help="its name in that table.")
    parser.add_argument("--print_detail", **switch, help="show the log lines of Paddle Inference.")
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="of TensorRT, in PaddleSeg; here a model is run in the precision that it was exported with.",
    )
    parser.add_argument(
        "--with_argmax",
        action="store_true",
        help="make labels of what the model puts out, where that is scores; that is done in any case.",
    )
    parser.give_way("--custom_color", "--save_log_path")
    parser.refuse("--use_trt", "--min_subgraph_size", "--enable_auto_tune", "--auto_tuned_shape_file", why=_TENSORRT)
    return parser.parse_args(arguments)


class Stopwatch:
    """Seconds spent preparing images, running the model and finishing labels."""

    STAGES = ("pre", "run", "post")

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(self.STAGES, 0.0)
        self.images = 0
        self._start = time.perf_counter()

    def lap(self, stage: str, of_which: float = 0.0) -> None:
        """Count the time since the last lap for ``stage``, but ``of_which`` seconds for the running model."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._start - of_which
        self.seconds["run"] += of_which
        self._start = now

    def table(self, name: str) -> str:
        """Milliseconds per image by stage, images per second, and the most memory the process has held."""
        total = sum(self.seconds.values())
        heads = ["images", *(f"{stage} ms" for stage in (*self.STAGES, "total")), "images/s", "memory MB"]
        figures = [1000 * value / self.images for value in (*self.seconds.values(), total)] + [self.images / total]
        cells = [str(self.images), *(f"{figure:.2f}" for figure in figures), _peak_memory()]
        width = max(len(name), len("model"))
        rows = (("model", heads), (name, cells))
        return "\n".join(f"{first:<{width}}" + "".join(f"{cell:>12}" for cell in rest) for first, rest in rows)


def _peak_memory() -> str:
    """Megabytes that the process held at most; ``-`` where the system does not tell."""
    if resource is None:
        return "-"
    # In kilobytes on Linux, in bytes on macOS.
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == 'darwin' else 2**10):.0f}"


def batches(pictures: Iterable[tuple], prepare: Callable[[dict], dict], size: int) -> Iterator[tuple]:
    """Group neighbours that have one size before and after the transforms.

    Args:
        pictures: Of (name, pixels).
        prepare: The transforms.
        size: The most in a batch.

    Yields:
        The (name, pixels) of a batch, its inputs (N, C, H, W), or a list of such with one for every scale, and their
        ``trans_info``.
    """
    batch, inputs, kind = [], [], None
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


def _stacked(inputs: list) -> Union[np.ndarray, list]:
    return [np.stack(views) for views in zip(*inputs)] if isinstance(inputs[0], list) else np.stack(inputs)


def segment(
    model: ExportedModel,
    deploy: Deploy,
    pictures: Iterable[tuple],
    write: Callable[[str, np.ndarray, np.ndarray], None],
    count: int,
    batch_size: int = 1,
) -> Stopwatch:
    """Segment pictures and hand each, with its labels, to ``write``.

    Args:
        pictures: Of (name, pixels uint8).
        write: Takes name, pixels and labels uint8 (H, W).
        count: How many pictures there are, as far as it is known.

    Returns:
        The time it took by stage.
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


def segment_video(video: Video, save_dir: str, names: list, colours: np.ndarray, **work: Any) -> Stopwatch:
    """Segment a video: label images of every frame, and a video of the frames under their colours.

    Args:
        save_dir: Gets ``label/NAME/000001.png`` and so on, and ``added_prediction/NAME.mp4``.
        names, colours: Of the classes.
        work: The other arguments of ``segment``.

    Raises:
        UserError: The video ends before its last frame.
    """
    stem = video.path.stem

    def write(name: str, pixels: np.ndarray, labels: np.ndarray) -> None:
        write_labels(save_dir, f"{stem}/{name}", labels)
        # Without the legend, whose height depends on the classes of a frame.
        add(visualize.overlay(pixels, labels, colours, len(names)))

    frames = ((f"{number:06d}", pixels) for number, pixels in enumerate(video.frames(), 1))
    with write_video(f"{save_dir}/{OVERLAYS}/{stem}.mp4", video.frames_per_second) as add:
        watch = segment(pictures=frames, write=write, count=video.frame_count, **work)
        video.require_whole()
    return watch


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, check everything, run."""
    args = parse(arguments)
    deploy = read_deploy(args.config)
    is_video = args.image_path.lower().endswith(VIDEOS)
    found = Video(args.image_path) if is_video else find_images(args.image_path)
    if args.device == "gpu":
        cli.use_device("gpu")
    if args.save_log_path and not args.benchmark:
        raise UserError("--save_log_path is where the table of --benchmark goes; add --benchmark.")
    if args.precision != "fp32":
        logger.info(f"--precision {args.precision} is for TensorRT and changes nothing here.")
    if args.with_argmax:
        what = "the model puts out labels" if deploy.output_op == "argmax" else "labels are made of scores in any case"
        logger.info(f"--with_argmax changes nothing: {what}.")
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
    names = deploy.class_names or [f"class {index}" for index in range(256)]
    colours = deploy.palette
    if args.custom_color or not deploy.palette.any():
        colours = visualize.palette(len(names), custom_color=args.custom_color)
    work = {"model": ExportedModel(predictor, deploy), "deploy": deploy, "batch_size": args.batch_size}
    if is_video:
        watch = segment_video(found, args.save_dir, names, colours, **work)
        logger.info(f"{watch.images} frames; see {args.save_dir}: {LABELS}/ (class indices), {OVERLAYS}/ (video).")
    else:

        def write(name: str, pixels: np.ndarray, labels: np.ndarray) -> None:
            write_results(args.save_dir, name, pixels, labels, names, colours)

        pictures = ((image.name, read_image(image.path, deploy.img_channels)) for image in found)
        watch = segment(pictures=pictures, write=write, count=len(found), **work)
        logger.info(where_results_are(args.save_dir, len(found)))
    if args.benchmark:
        table = watch.table(args.model_name)
        print(table, flush=True)
        if args.save_log_path:
            with write_whole(args.save_log_path) as path:
                path.write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(cli.run(main))
