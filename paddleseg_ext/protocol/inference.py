"""From an image to a label map by the test protocol of a published row.

The keys of ``test_config`` say how; evaluation and prediction both go this way, so their labels are the same.
"""

import collections.abc
import contextlib
import dataclasses
import numbers
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import paddle
import paddle.nn.functional as F
import paddleseg.transforms as T

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.resize import resize
from paddleseg_ext.protocol.rescaled_views import RescaledViews


@dataclasses.dataclass(frozen=True)
class InferenceProtocol:
    """How an image becomes logits at its original size. The fields are keys of ``test_config``.

    With the defaults, and with PaddleSeg's own keys, this computes what ``paddleseg.core.infer`` does.

    Args:
        aug_eval: Average over ``scales`` and flips; they may stand beside ``aug_eval: False``, for the day that a
            command line asks for it.
        scales: Factors of the image's size.
        flip_horizontal, flip_vertical: Also mirrored images.
        is_slide: Move a window of ``crop_size`` (width, height) by ``stride`` (width, height) over the image.
        slide_batch_size: How many windows go through the model at once; changes speed and memory only.
        align_corners: Of the resize of the logits to the original size, and of a tensor to a scale. ``load_config``
            takes it from the model, so a YAML does not say it; with ``resize_once`` it has to be the model's.
        resize_once: Resize the logits of the features straight to the original size, as SSSegmentation does, instead of
            first to the network's input. Needs a model with ``feature_logits``; whole images only.
        aug_average: What is averaged: ``'logits'`` as PaddleSeg does; ``'softmax'`` at the original size, as
            mmsegmentation does; ``'window'``, softmax at the size of the network's input, of a window and its mirror
            images before windows are put together, then brought to the original size as pictures are, as semseg does.
        aug_rescale: What ``scales`` resize: ``'tensor'``, the network's input, as PaddleSeg and SSSegmentation do;
            ``'image'``, the image as it was read (mmsegmentation 1.x); ``'base'``, the box that the transforms fit the
            image into, anew from the image as it was read (mmsegmentation 0.x, with which its ms+flip figures were
            measured). The latter two differ where that box is not the image's own size: on VOC and ADE20K.
        interpolation: Of the resize of the logits from the network's input to the original size: ``'linear'``, or
            ``'cubic'`` as openseg.pytorch does (OpenCV's, with half-pixel centers whatever ``align_corners``).

    Raises:
        UserError: A value is of the wrong kind, or two contradict each other.
    """

    aug_eval: bool = False
    scales: Union[float, Sequence[float]] = 1.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    is_slide: bool = False
    stride: Optional[Sequence[int]] = None
    crop_size: Optional[Sequence[int]] = None
    slide_batch_size: int = 4
    align_corners: bool = False
    resize_once: bool = False
    aug_average: str = "logits"
    aug_rescale: str = "tensor"
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_setting(field.name, getattr(self, field.name))
        _check_window(self.is_slide, self.crop_size, self.stride)
        if self.resize_once and self.is_slide:
            raise UserError(
                "resize_once is for whole images, as the logits of windows are put together at the size of the "
                "network's input; leave resize_once or is_slide out."
            )
        for key, value in (("aug_average", "window"), ("interpolation", "cubic")):
            if self.resize_once and getattr(self, key) == value:
                raise UserError(
                    f"{key} {value} needs logits at the size of the network's input, which resize_once passes over; "
                    f"leave one of the two out."
                )

    @property
    def ratios(self) -> tuple:
        """The scales as a tuple of floats."""
        scales = [self.scales] if isinstance(self.scales, numbers.Real) else self.scales
        return tuple(float(scale) for scale in scales)

    @property
    def flips(self) -> list:
        """The axes to mirror, one tuple for every pass: none, width, height, both."""
        if not self.aug_eval:
            return [()]
        flips = [(), (3,)] if self.flip_horizontal else [()]
        return flips + [(2, *flip) for flip in flips] if self.flip_vertical else flips

    def check_model(self, model: Any) -> None:
        """Raise ``UserError`` unless ``model``, a network or its class, can be used this way."""
        if self.resize_once and not hasattr(model, "feature_logits"):
            name = model.__name__ if isinstance(model, type) else type(model).__name__
            raise UserError(
                f"resize_once resizes the logits of the features, which {name} does not give by themselves; use "
                "PSPNet, ISANet or PSANet, or leave resize_once out."
            )
        its_own = getattr(model, "align_corners", None)
        if self.resize_once and isinstance(its_own, bool) and its_own != self.align_corners:
            raise UserError(
                f"resize_once takes the place of the model's own resize, whose align_corners is {its_own}, and "
                f"align_corners here is {self.align_corners}; say the model's."
            )

    def transforms(self, transforms: T.Compose) -> Callable[[dict], dict]:
        """The transforms that prepare an image: the given ones, or those that give one image for every scale."""
        if not self.aug_eval or self.aug_rescale == "tensor":
            return transforms
        return RescaledViews(transforms, self.ratios, of_base=self.aug_rescale == "base")

    def __call__(
        self,
        model: paddle.nn.Layer,
        images: Union[paddle.Tensor, Sequence[paddle.Tensor]],
        trans_info: Sequence,
        autocast: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
    ) -> tuple:
        """Segment one prepared image.

        Args:
            model: In eval mode; returns a list whose first item is the logits (N, num_classes, H, W).
            images: ``img`` of what ``transforms`` returned, as tensors (1, channels, H, W).
            trans_info: ``trans_info`` beside it, collated or not.
            autocast: The context that the model itself runs in, for AMP.

        Returns:
            Labels, int32 (1, 1, H, W) at the original size, and the logits (1, num_classes, H, W) they are the maximum
            of. With ``aug_eval`` and ``aug_average: softmax`` these are probabilities.

        Raises:
            UserError: ``resize_once`` with an image that was padded.
        """
        softmax = self.aug_eval and self.aug_average == "softmax"
        views, later = self._views(images, trans_info, softmax)
        total, passes = None, 0
        for view, steps in views:
            for flip in [()] if self._by_window else self.flips:
                logits = _mirrored(self._logits(model, _mirrored(view, flip), autocast), flip)
                logits = self._undo(logits, steps)
                if softmax:
                    logits = F.softmax(logits, axis=1)
                total = logits if total is None else total + logits
                passes += 1
        if passes > 1:
            total = total / passes
        total = self._undo(total, later)
        return paddle.argmax(total, axis=1, keepdim=True, dtype="int32"), total

    @property
    def _by_window(self) -> bool:
        return self.aug_eval and self.aug_average == "window"

    def _views(
        self, images: Union[paddle.Tensor, Sequence[paddle.Tensor]], trans_info: Sequence, softmax: bool
    ) -> tuple:
        """For every scale the image and the steps to undo before the average; the steps to undo after it."""
        if not isinstance(images, paddle.Tensor):
            return zip(images, map(_steps, trans_info)), ()
        size, steps = tuple(images.shape[2:]), _steps(trans_info)
        back = ("rescale", size)
        if not self.aug_eval:
            return [(images, (*steps, back))], ()
        # Both orders are the same function of logits; the second, PaddleSeg's, takes the steps back only once.
        before, after = ((*steps, back), ()) if softmax or self.resize_once or self._by_window else ((back,), steps)
        scaled = (tuple(int(side * ratio + 0.5) for side in size) for ratio in self.ratios)
        return ((resize(images, to, self.align_corners), before) for to in scaled), after

    def _logits(self, model: paddle.nn.Layer, images: paddle.Tensor, autocast: Callable) -> paddle.Tensor:
        """Logits at the size of the features if ``resize_once``, else at the size of ``images``."""

        def forward(part: paddle.Tensor) -> paddle.Tensor:
            channels_last = getattr(model, "data_format", "NCHW") == "NHWC"
            with autocast():
                part = part.transpose([0, 2, 3, 1]) if channels_last else part
                outputs = model.feature_logits(part) if self.resize_once else model(part)
            if not isinstance(outputs, collections.abc.Sequence):
                raise TypeError(f"The model must return a list of logits, not {type(outputs).__name__}.")
            logits = outputs[0].transpose([0, 3, 1, 2]) if channels_last else outputs[0]
            # AMP is for the model: sums of windows, and what follows, are not worth fp16's error.
            return logits.astype("float32") if logits.dtype in (paddle.float16, paddle.bfloat16) else logits

        def averaged(part: paddle.Tensor) -> paddle.Tensor:
            passes = [_mirrored(F.softmax(forward(_mirrored(part, flip)), axis=1), flip) for flip in self.flips]
            return sum(passes) / len(passes)

        scores = averaged if self._by_window else forward
        if not self.is_slide:
            return scores(images)
        return slide_logits(scores, images, self.crop_size, self.stride, self.slide_batch_size)

    def _undo(self, logits: paddle.Tensor, steps: Sequence) -> paddle.Tensor:
        """Take back what the transforms did to the size, last first."""
        if self.resize_once and steps:
            if any(kind in ("padding", "inset") for kind, _ in steps):
                raise UserError(
                    "resize_once cannot take a padding back, as the logits it resizes are smaller than the image; "
                    "remove Padding from val_dataset.transforms or leave resize_once out."
                )
            steps = steps[:1]
        for kind, (height, width, *corner) in reversed(steps):
            if kind in ("padding", "inset"):
                top, left = corner or (0, 0)
                logits = logits[:, :, top : top + height, left : left + width]
            elif kind == "resize" and self.interpolation == "cubic":
                if tuple(logits.shape[2:]) != (height, width):
                    logits = F.interpolate(logits, (height, width), mode="bicubic", align_corners=False)
            else:
                # Probabilities are resized as pictures are.
                logits = resize(logits, (height, width), self.align_corners and not self._by_window)
        return logits


def slide_logits(
    forward: Callable[[paddle.Tensor], paddle.Tensor],
    images: paddle.Tensor,
    crop_size: Sequence[int],
    stride: Sequence[int],
    batch_size: int = 4,
) -> paddle.Tensor:
    """Average of the logits of windows that cover the image.

    The windows are those of PaddleSeg, mmsegmentation and SSSegmentation: one every ``stride``, the last of each row
    and column shifted back into the image; an image smaller than the window is its own window.

    Args:
        forward: Images (n, channels, h, w) to logits (n, num_classes, h, w).
        images: (N, channels, H, W).
        crop_size, stride: (width, height).
        batch_size: How many windows go through ``forward`` at once.

    Returns:
        Logits (N, num_classes, H, W), summed up on the device that computed them.
    """
    count, _, height, width = images.shape
    tops = _starts(height, crop_size[1], stride[1])
    lefts = _starts(width, crop_size[0], stride[0])
    high, wide = min(crop_size[1], height), min(crop_size[0], width)
    corners = [(top, left) for top in tops for left in lefts]
    in_numpy = _adds_up_in_numpy(images)
    total = None
    for first in range(0, len(corners), batch_size):
        some = corners[first : first + batch_size]
        windows = [images[:, :, top : top + high, left : left + wide] for top, left in some]
        logits = forward(paddle.concat(windows) if len(windows) > 1 else windows[0])
        if in_numpy:
            logits = logits.numpy()
        if total is None:
            zeros = np.zeros if in_numpy else paddle.zeros
            total = zeros([count, logits.shape[1], height, width], logits.dtype)
        for number, (top, left) in enumerate(some):
            total[:, :, top : top + high, left : left + wide] += logits[number * count : (number + 1) * count]
    # How many windows see a pixel is a product, as they stand in rows and columns.
    seen = np.outer(_coverage(tops, high, height), _coverage(lefts, wide, width)).astype("float32")
    if in_numpy:
        total /= seen
        return paddle.to_tensor(total)
    return total / paddle.to_tensor(seen).astype(total.dtype)


def _adds_up_in_numpy(images: paddle.Tensor) -> bool:
    """On a CPU numpy adds to a part of an array in a tenth of Paddle's time. Elsewhere logits stay where they are."""
    return images.place.is_cpu_place()


def _starts(length: int, window: int, stride: int) -> list:
    """Where the windows along one axis begin."""
    steps = max(length - window + stride - 1, 0) // stride
    return [max(min(step * stride, length - window), 0) for step in range(steps + 1)]


def _coverage(starts: Sequence[int], window: int, length: int) -> np.ndarray:
    """How many of the windows along one axis hold each of its pixels."""
    seen = np.zeros(length)
    for start in starts:
        seen[start : start + window] += 1
    return seen


def _mirrored(images: paddle.Tensor, axes: Sequence[int]) -> paddle.Tensor:
    return paddle.flip(images, list(axes)) if axes else images


def _steps(trans_info: Sequence) -> tuple:
    """``trans_info``, which a loader's collation turns into lists of tensors, as (kind, (height, width, ...)) again."""
    steps = []
    for kind, size in trans_info:
        kind = kind if isinstance(kind, str) else kind[0]
        if kind not in ("resize", "padding", "inset"):
            raise UserError(f"A transform of val_dataset records {kind!r}, which cannot be taken back; remove it.")
        steps.append((kind, tuple(int(side) for side in size)))
    return tuple(steps)


def _check_window(is_slide: bool, crop_size: Optional[Sequence[int]], stride: Optional[Sequence[int]]) -> None:
    """Raise ``UserError`` unless a sliding window has a size and steps that leave no pixel out."""
    if not is_slide:
        return
    if crop_size is None or stride is None:
        raise UserError("--is_slide needs --crop_size W H and --stride W H, e.g. --crop_size 512 512 --stride 341 341.")
    if stride[0] > crop_size[0] or stride[1] > crop_size[1]:
        raise UserError(
            f"--stride {stride[0]} {stride[1]} is larger than --crop_size {crop_size[0]} {crop_size[1]}, "
            "so pixels between the windows would never be seen; make it smaller."
        )


def protocol_of(settings: dict) -> InferenceProtocol:
    """The protocol that ``test_config``, which may hold keys of evaluation too, asks for."""
    names = {field.name for field in dataclasses.fields(InferenceProtocol)}
    return InferenceProtocol(**{key: value for key, value in settings.items() if key in names})


def overruled(test_config: dict, flags: dict) -> dict:
    """``test_config`` of a YAML under the flags of a command line; a flag that was not given changes nothing.

    Raises:
        UserError: Flags that only count when averaging, and nothing asks for averaging.
    """
    given = {key: value for key, value in flags.items() if value not in (None, False)}
    settings = {**test_config, **given}
    for key in ("scales", "flip_horizontal", "flip_vertical"):
        if key in given and not settings.get("aug_eval"):
            raise UserError(f"--{key} only counts together with --aug_eval (predict.py: --aug_pred); add it.")
    return settings


def check_setting(key: str, value: Any) -> None:
    """Raise ``UserError`` if ``value`` is not of the kind that ``key`` of ``test_config`` takes."""
    if key in _KINDS:
        words, right = _KINDS[key]
        if not right(value):
            raise UserError(f"{key} must be {words}, not {value!r}.")


def _is_list(value: Any, right: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(right(item) for item in value)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_ratio(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 < value < float("inf")


_FLAG = ("true or false", lambda value: isinstance(value, bool))
_PAIR = (
    "two whole numbers from 1 up, width and height",
    lambda value: value is None or (_is_list(value, _is_size) and len(value) == 2),
)


def _one_of(*words: str) -> tuple:
    return f"{', '.join(words[:-1])} or {words[-1]}", lambda value: value in words


# Keys of test_config that are about the figures, not about labels.
_OF_FIGURES = ("absent_classes", "auc_roc", "print_detail")
_KINDS = {
    "aug_eval": _FLAG,
    "scales": ("a number above 0 or a list of them", lambda value: _is_ratio(value) or _is_list(value, _is_ratio)),
    "flip_horizontal": _FLAG,
    "flip_vertical": _FLAG,
    "is_slide": _FLAG,
    "stride": _PAIR,
    "crop_size": _PAIR,
    "slide_batch_size": ("a whole number from 1 up", _is_size),
    "align_corners": _FLAG,
    "resize_once": _FLAG,
    "aug_average": _one_of("logits", "softmax", "window"),
    "aug_rescale": _one_of("tensor", "image", "base"),
    "interpolation": _one_of("linear", "cubic"),
    "absent_classes": _one_of("zero", "skip"),
}
# All that test_config may hold: how an image becomes labels, and how ``engine.evaluate`` counts and shows them.
TEST_CONFIG_KEYS = frozenset({*(field.name for field in dataclasses.fields(InferenceProtocol)), *_OF_FIGURES})
