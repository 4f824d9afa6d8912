"""Segment images with a model that export.py wrote as ONNX. It needs only numpy, opencv-python and onnxruntime.

This file may be copied to a machine without this project. The model's metadata describes how to prepare images and how
to combine windows.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, Callable, NoReturn, Optional, Union

try:
    import cv2
    import numpy as np
    import onnxruntime
except ModuleNotFoundError as error:
    sys.exit(f"error: {error.name} is not installed; run: python -m pip install numpy opencv-python onnxruntime")
except Exception as error:  # An OpenCV for another numpy, or without its system library, may raise anything.
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    sys.exit(
        f"error: numpy, OpenCV and onnxruntime cannot all be imported ({reason}); in a new virtual environment run: "
        "python -m pip install numpy opencv-python-headless onnxruntime"
    )

EXAMPLES = """examples:
  python deploy/onnx/infer.py --model output/onnx/model.onnx --image_path photo.jpg --save_dir output/pictures
  python deploy/onnx/infer.py --model output/onnx/model.onnx --image_path photos/ --cpu_threads 4 --benchmark
"""
SETTINGS = "paddleseg_ext"  # the key of the model's metadata with the settings of deploy.yaml
SUFFIXES = (".jpeg", ".jpg", ".bmp", ".png")
# Some builds of OpenCV read these, others do not.
OTHER_SUFFIXES = (".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm", ".pgm", ".avif", ".heic", ".heif", ".jxl")
IMAGES = (*SUFFIXES, *OTHER_SUFFIXES)
INTERPOLATIONS = {
    "NEAREST": cv2.INTER_NEAREST,
    "LINEAR": cv2.INTER_LINEAR,
    "CUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}


class UserError(Exception):
    """A mistake that the user can correct. The message is one sentence: what is wrong, where, and what to do."""


# ---------------------------------------------------------------------------------------------------- preparing images


class Prepared:
    """An image during its preparation for the network.

    Attributes:
        image: (H, W, C), uint8 or float32.
        steps: The changes of its size, first to last: ('resize' or 'padding', (height, width) before), or ('inset',
            (height, width, top, left)) if the padding is on all sides.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.image = image if image.ndim == 3 else image[..., np.newaxis]
        self.steps: list[tuple[str, tuple[int, ...]]] = []

    def note(self, kind: str, corner: tuple[int, ...] = ()) -> None:
        """Remember the size before a step, and the corner where the image begins after it."""
        self.steps.append((kind, (*self.image.shape[:2], *corner)))

    def resize(self, width: int, height: int, interpolation: int) -> None:
        """Resize with OpenCV, but keep the axis of a single channel, which OpenCV drops."""
        if self.image.shape[:2] != (height, width):
            resized = cv2.resize(self.image, (width, height), interpolation=interpolation)
            self.image = resized.reshape(height, width, -1)


def normalize(
    data: Prepared,
    mean: Sequence[float] = (0.5,),
    std: Sequence[float] = (0.5,),
    scale: float = 255,
    channel_order: str = "RGB",
) -> None:
    """``Normalize``, with PaddleSeg's rounding: each step is computed in float64 and stored in float32.

    If ``scale`` is not PaddleSeg's 255, each step is computed in float32.
    """
    kind = np.float64 if scale == 255 else np.float32

    def normalized(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float32) / np.float32(scale)
        values -= np.array(mean, kind)
        values /= np.array(std, kind)
        return values

    if channel_order == "BGR":
        data.image = np.ascontiguousarray(data.image[..., ::-1])
    if data.image.dtype == np.uint8:
        # A channel has 256 values, so they are looked up.
        levels = np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis]
        table = normalized(levels.repeat(data.image.shape[2], axis=2))
        data.image = cv2.LUT(data.image, table).reshape(data.image.shape)
    else:
        data.image = normalized(data.image)


def resize_by_ratio(
    data: Prepared,
    base_size: Sequence[int],
    min_ratio: float = 1.0,
    max_ratio: float = 1.0,
    fit: str = "inside",
    interpolation: str = "linear",
) -> None:
    """``ResizeByRatio``: resize 8-bit pixels to the base, in both orientations, with the proportions kept."""
    if min_ratio != max_ratio:
        raise UserError(
            "the transform ResizeByRatio draws its ratio at random; export with min_ratio equal to max_ratio"
        )
    data.note("resize")
    data.image = eight_bit(data.image)
    height, width = data.image.shape[:2]
    bound = [max(int(side * min_ratio), 1) for side in base_size]
    if fit == "stretch":
        new_width, new_height = bound
    elif fit == "cover":
        factor = min(bound) / min(width, height)
        new_width, new_height = (round(side * factor) for side in (width, height))
    else:
        factor = min(max(bound) / max(width, height), min(bound) / min(width, height))
        new_width, new_height = (max(int(side * factor + 0.5), 1) for side in (width, height))
    data.resize(new_width, new_height, INTERPOLATIONS[interpolation.upper()])


def resize_by_long(data: Prepared, long_size: int) -> None:
    """``ResizeByLong`` of PaddleSeg, in float32."""
    data.note("resize")
    data.image = data.image.astype(np.float32)
    height, width = data.image.shape[:2]
    scale = float(long_size) / max(height, width)
    data.resize(round(width * scale), round(height * scale), cv2.INTER_LINEAR)


def resize(
    data: Prepared,
    target_size: Sequence[int] = (512, 512),
    keep_ratio: bool = False,
    size_divisor: Optional[int] = None,
    interp: str = "LINEAR",
) -> None:
    """``Resize`` of PaddleSeg, in float32."""
    if interp not in INTERPOLATIONS:
        raise UserError(f"the transform Resize has interp {interp}, which must be one of {', '.join(INTERPOLATIONS)}")
    data.note("resize")
    data.image = data.image.astype(np.float32)
    height, width = data.image.shape[:2]
    new_width, new_height = target_size
    if keep_ratio:
        scale = min(max(target_size) / max(height, width), min(target_size) / min(height, width))
        new_width, new_height = (round(side * scale) for side in (width, height))
    if size_divisor:
        new_width, new_height = (-(-side // size_divisor) * size_divisor for side in (new_width, new_height))
    data.resize(new_width, new_height, INTERPOLATIONS[interp])


def padding(
    data: Prepared,
    target_size: Union[int, Sequence[int]],
    im_padding_value: Union[float, Sequence[float]] = 127.5,
    **of_labels: Any,
) -> None:
    """``Padding`` of PaddleSeg: on the right and at the bottom, with one value, or one for each channel."""
    width, height = (target_size, target_size) if isinstance(target_size, int) else target_size
    pad(data, height, width, im_padding_value)


def pad_to_size(
    data: Prepared,
    target_size: Optional[Sequence[int]] = None,
    position: str = "right_bottom",
    im_padding_value: Union[float, Sequence[float]] = 0,
    at_least: bool = False,
    size_divisor: Optional[int] = None,
    **of_labels: Any,
) -> None:
    """``PadToSize``: to a size or a multiple, on the right and at the bottom or on all sides."""
    high, wide = data.image.shape[:2]
    width, height = target_size or (wide, high)
    if at_least:
        width, height = max(width, wide), max(height, high)
    width, height = (-(-side // (size_divisor or 1)) * (size_divisor or 1) for side in (width, height))
    pad(data, height, width, im_padding_value, position == "center")


def pad(
    data: Prepared, height: int, width: int, value: Union[float, Sequence[float]], in_the_middle: bool = False
) -> None:
    """Put the image on an area of ``height`` and ``width``."""
    high, wide, channels = data.image.shape
    if high > height or wide > width:
        raise UserError(f"it is {wide}x{high} pixels (width x height), but the model's Padding is to {width}x{height}")
    top, left = ((height - high) // 2, (width - wide) // 2) if in_the_middle else (0, 0)
    data.note(*(("inset", (top, left)) if top or left else ("padding",)))
    padded = np.empty((height, width, channels), np.float32)
    padded[...] = value
    padded[top : top + high, left : left + wide] = data.image
    data.image = padded


TRANSFORMS: dict[str, Callable[..., None]] = {
    "Normalize": normalize,
    "Resize": resize,
    "ResizeByRatio": resize_by_ratio,
    "ResizeByLong": resize_by_long,
    "Padding": padding,
    "PadToSize": pad_to_size,
}


def eight_bit(image: np.ndarray) -> np.ndarray:
    """``image`` as uint8 if all its values are whole numbers from 0 to 255, else ``image`` itself."""
    rounded = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return rounded if np.array_equal(rounded, image) else image


# --------------------------------------------------------------------------------------------------- running the model


class Model:
    """A model in onnxruntime and the settings in its metadata.

    Args:
        path: The file that ``export.py --format onnx`` wrote.
        device: ``'cpu'`` or ``'gpu'``.
        cpu_threads: The number of threads; None is all cores.

    Attributes:
        transforms, img_channels, input_shape, output_op, test_config, palette: The keys of deploy.yaml.
        seconds: The time spent in onnxruntime so far.

    Raises:
        UserError: The file is missing, damaged or not from export.py, or the device is missing.
    """

    def __init__(self, path: str, device: str = "cpu", cpu_threads: Optional[int] = None) -> None:
        if not Path(path).is_file():
            raise UserError(f"--model: {path} does not exist; give the model.onnx that export.py --format onnx wrote.")
        provider = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}[device]
        lacking = (
            f"--device gpu: onnxruntime {onnxruntime.__version__} does not have CUDA here; use --device cpu, or "
            "install onnxruntime-gpu instead of onnxruntime, and the CUDA libraries that it needs."
        )
        if provider not in onnxruntime.get_available_providers():
            raise UserError(lacking)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = cpu_threads or 0
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=[provider])
        except Exception as error:
            raise UserError(
                f"{path} cannot be read as an ONNX model ({sentence(error)}); copy or export it again."
            ) from error
        if provider not in self._session.get_providers():
            # onnxruntime falls back to the CPU and only logs it.
            raise UserError(lacking)
        settings = self._session.get_modelmeta().custom_metadata_map.get(SETTINGS)
        if settings is None:
            raise UserError(
                f"{path} does not describe how to prepare images; write the model with export.py --format onnx."
            )
        settings = json.loads(settings)
        self.transforms, self.test_config = settings["transforms"], settings["test_config"]
        self.img_channels, self.input_shape = settings["img_channels"], settings["input_shape"]
        self.output_op, self.palette = settings["output_op"], settings["palette"]
        self._classes = len(settings["class_names"])
        self._input = self._session.get_inputs()[0].name
        self.seconds = 0.0
        self._check(path)

    def _check(self, path: str) -> None:
        for item in self.transforms:
            if item["type"] not in TRANSFORMS:
                raise UserError(
                    f"{path} prepares images with the transform {item['type']}, which this program does not have "
                    f"({', '.join(TRANSFORMS)}); use predict.py or deploy/python/infer.py."
                )
        if self.test_config.get("aug_eval"):
            raise UserError(
                f"{path} averages over scales or mirrored images (test_config: aug_eval), but this program does not; "
                "export it with aug_eval false, or use predict.py or deploy/python/infer.py."
            )

    def prepare(self, pixels: np.ndarray) -> Prepared:
        """Prepare pixels for the network. They are uint8, as OpenCV reads them."""
        data = Prepared(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if self.img_channels == 3 else pixels)
        for item in self.transforms:
            TRANSFORMS[item["type"]](data, **{key: value for key, value in item.items() if key != "type"})
        return data

    def labels(self, data: Prepared) -> np.ndarray:
        """The class indices, uint8 (H, W), at the image's size before its preparation."""
        image = np.ascontiguousarray(data.image.astype(np.float32, copy=False).transpose(2, 0, 1))
        if self.output_op == "features" and any(kind != "resize" for kind, _ in data.steps):
            raise UserError(
                "padding cannot be removed from the smaller logits of output_op features; export with another one"
            )
        scores = self._slide(image) if self.test_config.get("is_slide") else self._run(image)
        align_corners = bool(self.test_config.get("align_corners"))
        steps = data.steps
        if self.output_op == "features":
            # One resize leads from the features' size to the image's size.
            steps = steps[:1] or [("resize", image.shape[1:])]
        for kind, (height, width, *corner) in reversed(steps):
            if kind in ("padding", "inset"):
                top, left = corner or (0, 0)
                scores = scores[..., top : top + height, left : left + width]
            elif self.test_config.get("interpolation") == "cubic":
                planes, cubic = self._as_scores(scores), cv2.INTER_CUBIC
                scores = np.stack([cv2.resize(plane, (width, height), interpolation=cubic) for plane in planes])
            else:
                scores = resized(self._as_scores(scores), (height, width), align_corners)
        return (scores if scores.ndim == 2 else scores.argmax(axis=0)).astype(np.uint8)

    def _run(self, image: np.ndarray) -> np.ndarray:
        """The scores (classes, h, w) of one image (C, H, W), or its labels (H, W) if the model's output is labels."""
        wanted = self.input_shape
        if any(side not in (-1, given) for side, given in zip(wanted[1:], image.shape)):
            raise UserError(
                f"it, or a window of it, is {_by(image.shape)} (C, H, W) after the transforms, but the model was "
                f"exported for {_by(wanted[1:])}; export it again without --input_shape"
            )
        start = time.perf_counter()
        # A fixed batch is filled with copies.
        batch = np.repeat(image[np.newaxis], max(wanted[0], 1), axis=0)
        output = self._session.run(None, {self._input: batch})[0][0]
        self.seconds += time.perf_counter() - start
        return output

    def _slide(self, image: np.ndarray) -> np.ndarray:
        """The average scores of windows that cover the image. The last window of a row or column ends at the edge."""
        (wide, high), (step_x, step_y) = self.test_config["crop_size"], self.test_config["stride"]
        height, width = image.shape[1:]
        wide, high = min(wide, width), min(high, height)
        total: Optional[np.ndarray] = None
        seen = np.zeros((height, width), np.float32)
        for top in starts(height, high, step_y):
            for left in starts(width, wide, step_x):
                window = (slice(None), slice(top, top + high), slice(left, left + wide))
                scores = self._as_scores(self._run(image[window]))
                if total is None:
                    total = np.zeros((len(scores), height, width), np.float32)
                total[window] += scores
                seen[window[1:]] += 1
        return total / seen

    def _as_scores(self, output: np.ndarray) -> np.ndarray:
        """Scores (classes, h, w). A label becomes 1 for its class and 0 for the others."""
        if output.ndim == 3:
            return output
        return (output == np.arange(self._classes)[:, np.newaxis, np.newaxis]).astype(np.float32)


def starts(length: int, window: int, stride: int) -> Iterator[int]:
    """The beginnings of the windows along one axis."""
    steps = max(length - window + stride - 1, 0) // stride
    return (max(min(step * stride, length - window), 0) for step in range(steps + 1))


def resized(scores: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """Resize scores (C, h, w) bilinearly to ``size`` (height, width), with half-pixel centers or ``align_corners``."""
    if scores.shape[1:] == tuple(size):
        return scores
    (above, below, down), (before, after, across) = (
        _neighbors(have, want, align_corners) for have, want in zip(scores.shape[1:], size)
    )
    result = np.empty((len(scores), *size), np.float32)
    for plane, target in zip(scores, result):
        rows = plane[above] + (plane[below] - plane[above]) * down[:, np.newaxis]
        np.add(rows[:, before], (rows[:, after] - rows[:, before]) * across, out=target)
    return result


def _neighbors(have: int, want: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for every output along one axis, the two inputs around it and its distance from the first."""
    at = np.arange(want, dtype=np.float64)
    at = at * ((have - 1) / max(want - 1, 1)) if align_corners else (at + 0.5) * (have / want) - 0.5
    at = np.clip(at, 0, have - 1)
    first = at.astype(np.int64)
    return first, np.minimum(first + 1, have - 1), (at - first).astype(np.float32)


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


# ----------------------------------------------------------------------------------------------------- images on disk


def find_images(image_path: str) -> list[tuple[Path, str]]:
    """The images of ``--image_path``: the path of each, and the name of its results without a suffix.

    Raises:
        UserError: The path does not exist, or holds no image.
    """
    path = Path(image_path)
    root = path if path.is_dir() else path.parent
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGES and file.is_file())
        found = [file for file in found if not any(part.startswith(".") for part in file.relative_to(path).parts)]
        unread = [
            file for file in found if file.suffix.lower() in OTHER_SUFFIXES and not cv2.haveImageReader(str(file))
        ]
        found = [file for file in found if file not in set(unread)]
        cannot = f"OpenCV {cv2.__version__} cannot read: {', '.join(map(str, unread))}"
        if not found:
            instead = f", only files that {cannot}" if unread else ""
            raise UserError(
                f"--image_path: the folder {path} holds no {', '.join(IMAGES)} file{instead}; name another folder."
            )
        if unread:
            print(
                f"warning: {path}: left out, because {cannot}; convert the files that you need to PNG.", file=sys.stderr
            )
    elif not path.is_file():
        raise UserError(f"--image_path: {path} does not exist; give an image, a folder of images or a list file.")
    elif path.suffix.lower() in IMAGES:
        found = [path]
    else:
        found = read_list(path)
    for file in found:
        if not cv2.haveImageReader(str(file)):
            raise UserError(
                f"{file} is not an image that OpenCV {cv2.__version__} reads; convert it to PNG, replace or remove it."
            )
    relative = [file.relative_to(root) if root in file.parents else file for file in found]
    # Parts that lead out of the results' folder are removed.
    below = [PurePath(*[part for part in file.parts if part not in ("..", ".", file.anchor)]) for file in relative]
    shared = Counter(place.with_suffix("") for place in below)
    # a.jpg and a.png must not overwrite each other's results.
    names = [place if shared[place.with_suffix("")] > 1 else place.with_suffix("") for place in below]
    return list(zip(found, map(str, names)))


def read_list(path: Path) -> list[Path]:
    """The images in a text file: the first word of each line, relative to the file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(
            f"--image_path: {path} is neither an image ({', '.join(IMAGES)}) nor a text file that lists images."
        ) from None
    found = [path.parent / line.split()[0] for line in lines if line.strip()]
    if not found:
        raise UserError(f"--image_path: the list file {path} is empty; write one image per line.")
    for file in found:
        if not file.is_file():
            raise UserError(f"{path}: the image {file} does not exist; correct the list.")
    return found


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a PNG file whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(cv2.imencode(".png", image)[1].tobytes())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp gives less than open() would
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_results(save_dir: Path, name: str, pixels: np.ndarray, labels: np.ndarray, palette: Sequence[Any]) -> None:
    """Write the class indices, their colors, and the image with these colors over it."""
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    painted = np.ascontiguousarray(colors[labels][..., ::-1])
    image = pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    write_image(save_dir / "label" / f"{name}.png", labels)
    write_image(save_dir / "pseudo_color_prediction" / f"{name}.png", painted)
    write_image(save_dir / "added_prediction" / f"{name}.png", cv2.addWeighted(image, 0.6, painted, 0.4, 0))


# ----------------------------------------------------------------------------------------------------- the command line


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one sentence and exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Raise argparse's message as a ``UserError``."""
        raise UserError(f"{message}; {self.prog} --help explains every flag.")


def positive_int(text: str) -> int:
    """``text`` as a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """The flags of the command line."""
    parser = Parser(
        description="Segment images with a model that export.py wrote as ONNX.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model", required=True, metavar="FILE.onnx", help="the model.onnx that export.py --format onnx wrote."
    )
    parser.add_argument(
        "--image_path",
        required=True,
        metavar="PATH",
        help="an image, a folder of images, or a text file with one image per line, relative to that file.",
    )
    parser.add_argument(
        "--save_dir",
        default="output/infer_onnx",
        metavar="DIR",
        help="folder for label/ (class indices), pseudo_color_prediction/, added_prediction/ (default: %(default)s).",
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="device to compute on (default: cpu).")
    parser.add_argument(
        "--cpu_threads", type=positive_int, metavar="N", help="number of CPU threads (default: all cores)."
    )
    parser.add_argument("--benchmark", action="store_true", help="print the times of the stages.")
    return parser.parse_args(arguments)


def segment(model: Model, images: Sequence[tuple[Path, str]], save_dir: Path) -> dict[str, float]:
    """Segment images and write the results; returns the seconds of preparing, running and finishing."""
    seconds = {"pre": 0.0, "run": 0.0, "post": 0.0}
    for path, name in images:
        start, before = time.perf_counter(), model.seconds
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if model.img_channels == 1 else cv2.IMREAD_COLOR)
        if pixels is None:
            raise UserError(f"{path} cannot be read as an image; it may be damaged, so replace or remove it.")
        try:
            data = model.prepare(pixels)
            prepared = time.perf_counter()
            labels = model.labels(data)
        except UserError as error:
            raise UserError(f"{path}: {error}.") from None
        write_results(save_dir, name, pixels, labels, model.palette)
        run = model.seconds - before
        seconds["pre"] += prepared - start
        seconds["run"] += run
        seconds["post"] += time.perf_counter() - prepared - run
    return seconds


def table(seconds: dict[str, float], images: int) -> str:
    """A table of milliseconds per image and stage, and images per second."""
    total = sum(seconds.values())
    heads = ["images", *(f"{stage} ms" for stage in seconds), "total ms", "images/s"]
    figures = [1000 * value / images for value in (*seconds.values(), total)] + [images / total]
    cells = [str(images), *(f"{figure:.2f}" for figure in figures)]
    return "\n".join("".join(f"{cell:>12}" for cell in row) for row in (heads, cells))


def sentence(error: Exception) -> str:
    """The first line of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Segment images; see ``--help``. Returns the exit code."""
    try:
        args = parse(arguments)
        images = find_images(args.image_path)
        save_dir = Path(args.save_dir)
        if save_dir.exists() and not save_dir.is_dir():
            raise UserError(f"--save_dir: {save_dir} is a file; name a folder.")
        model = Model(args.model, args.device, args.cpu_threads)
        seconds = segment(model, images, save_dir)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(images)} image{'s' if len(images) != 1 else ''} segmented; see {save_dir}.")
    if args.benchmark:
        print(table(seconds, len(images)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
