"""From an image to a label map by the test protocol of a published row.

Evaluation, prediction and exported models all use this, so their labels are the same.
"""

import collections.abc
import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable, Optional, Union

import paddle
import paddle.nn.functional as F
import paddleseg.transforms as T

from paddleseg_ext.errors import UserError
from paddleseg_ext.models.resize import resize
from paddleseg_ext.protocol.rescaled_views import RescaledViews
from paddleseg_ext.protocol.settings import check_setting, check_window
from paddleseg_ext.protocol.windows import slide_logits

# The changes of an image's size by the transforms, in their order, such as ("resize", (height, width)).
_Steps = tuple[tuple[str, tuple[int, ...]], ...]


@dataclasses.dataclass(frozen=True)
class InferenceProtocol:
    """The steps from one image to logits at its original size. The fields are keys of ``test_config``.

    The defaults, and PaddleSeg's own keys, compute what ``paddleseg.core.infer`` does. The other keys are for the
    protocols of the other published implementations.

    Args:
        aug_eval: Segment several views of the image, one for each scale and flip, and average the results. Without it
            the scales and flips have no effect: a YAML may hold them for a later ``--aug_eval``.
        scales: One factor or several. ``aug_rescale`` decides what they are multiplied with.
        flip_horizontal: Add each view mirrored from left to right.
        flip_vertical: Add each view mirrored from top to bottom.
        is_slide: Segment windows of ``crop_size`` instead of the whole image. They begin every ``stride`` pixels, and
            their results are averaged where they overlap.
        stride, crop_size: (width, height) in pixels.
        slide_batch_size: The number of windows in one call of the model. It changes speed and memory, no result.
        align_corners: Used by the bilinear resizes of logits and of the network's input. ``load_config`` copies
            it from the model, so a YAML does not set it. With ``resize_once`` it must equal the model's.
        resize_once: Resize the logits of the features directly to the original size, as SSSegmentation does. Otherwise
            the model resizes them to the size of its input, and a second resize follows. It needs a model with
            ``feature_logits``, and whole images.
        aug_average: The values that are averaged over the views:

            * ``'logits'``: as PaddleSeg does.
            * ``'softmax'``: probabilities at the original size, as mmsegmentation does.
            * ``'window'``: probabilities of each window and its mirror images, as semseg does. Then the windows are put
              together, and the result is resized to the original size like a picture.
        aug_rescale: The image that ``scales`` resize:

            * ``'tensor'``: the network's input, as PaddleSeg and SSSegmentation do.
            * ``'image'``: the image from the file, to a multiple of its own size, as mmsegmentation 1.x does.
            * ``'base'``: the image from the file, to fit a multiple of the box in the transforms, as mmsegmentation 0.x
              does. The published ms+flip figures of mmsegmentation were measured so. They differ from those of
              ``'image'`` where the box is not the size of the image: on VOC and ADE20K.
        interpolation: The resize of logits from the size of the network's input to the original size: ``'linear'``, or
            ``'cubic'`` as openseg.pytorch does. ``'cubic'`` is OpenCV's. It uses half-pixel centers and ignores
            ``align_corners``.

    Raises:
        UserError: A value is of the wrong kind, or two values contradict each other.
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
        if self.is_slide:
            check_window(self.crop_size, self.stride)
        if self.resize_once and self.is_slide:
            raise UserError(
                "resize_once works on whole images only: windows are joined at the size of the network's input; "
                "leave resize_once or is_slide out."
            )
        for key, value in (("aug_average", "window"), ("interpolation", "cubic")):
            if self.resize_once and getattr(self, key) == value:
                raise UserError(
                    f"{key} {value} needs logits at the size of the network's input, and resize_once does not compute "
                    f"them; leave {key} or resize_once out."
                )

    @property
    def ratios(self) -> tuple[float, ...]:
        """The scales as a tuple of floats."""
        scales = self.scales if isinstance(self.scales, collections.abc.Sequence) else (self.scales,)
        return tuple(float(scale) for scale in scales)

    @property
    def flips(self) -> list[tuple[int, ...]]:
        """One tuple for each pass, with the axes of (N, C, H, W) to mirror: none, width, height, both."""
        if not self.aug_eval:
            return [()]
        flips: list[tuple[int, ...]] = [(), (3,)] if self.flip_horizontal else [()]
        return flips + [(2, *flip) for flip in flips] if self.flip_vertical else flips

    def check_model(self, model: Any) -> None:
        """Raise ``UserError`` if ``model``, a network or its class, cannot be used with this protocol."""
        if self.resize_once and not hasattr(model, "feature_logits"):
            name = model.__name__ if isinstance(model, type) else type(model).__name__
            raise UserError(
                f"resize_once needs the logits of the features, and {name} does not return them (it has no "
                "feature_logits); use PSPNet, ISANet or PSANet, or leave resize_once out."
            )
        its_own = getattr(model, "align_corners", None)
        if self.resize_once and isinstance(its_own, bool) and its_own != self.align_corners:
            raise UserError(
                f"resize_once replaces the model's own resize, but align_corners of the model is {its_own} and "
                f"align_corners of the protocol is {self.align_corners}; use the model's."
            )

    def transforms(self, transforms: T.Compose) -> Callable[[dict], dict]:
        """Return the transforms that prepare an image: the given ones, or those that give one image for each scale."""
        if not self.aug_eval or self.aug_rescale == "tensor":
            return transforms
        return RescaledViews(transforms, self.ratios, of_base=self.aug_rescale == "base")

    def __call__(
        self,
        model: paddle.nn.Layer,
        images: Union[paddle.Tensor, Sequence[paddle.Tensor]],
        trans_info: Sequence,
        autocast: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """Segment one prepared image, or several that were prepared in the same steps.

        Args:
            model: In eval mode; returns a list whose first item is the logits (N, num_classes, H, W).
            images: ``img`` in the result of ``transforms``, as tensors (N, channels, H, W).
            trans_info: ``trans_info`` in the same result, collated or not.
            autocast: Makes the context in which the model runs, for AMP.

        Returns:
            Labels, int32 (N, 1, H, W) at the original size, and the logits (N, num_classes, H, W) whose maximum they
            are. With ``aug_eval`` and ``aug_average`` ``'softmax'`` or ``'window'`` these are probabilities.

        Raises:
            UserError: ``resize_once``, and the image was padded.
        """
        softmax = self.aug_eval and self.aug_average == "softmax"
        views, later = self._views(images, trans_info, softmax)
        flips = [()] if self._by_window else self.flips

        def passes() -> Iterator[paddle.Tensor]:
            for view, steps in views:
                for flip in flips:
                    logits = self._logits(model, _mirrored(view, flip), autocast)
                    logits = self._undo(_mirrored(logits, flip), steps)
                    yield F.softmax(logits, axis=1) if softmax else logits

        scores = self._undo(_average(passes()), later)
        return paddle.argmax(scores, axis=1, keepdim=True, dtype="int32"), scores

    @property
    def _by_window(self) -> bool:
        return self.aug_eval and self.aug_average == "window"

    def _views(
        self, images: Union[paddle.Tensor, Sequence[paddle.Tensor]], trans_info: Sequence, softmax: bool
    ) -> tuple[Iterable[tuple[paddle.Tensor, _Steps]], _Steps]:
        """Return, for each scale, the image and the steps to undo before the average; and the steps to undo after."""
        if not isinstance(images, paddle.Tensor):
            return zip(images, map(_steps, trans_info)), ()
        size, steps = tuple(images.shape[2:]), _steps(trans_info)
        back = ("rescale", size)
        if not self.aug_eval:
            return [(images, (*steps, back))], ()
        # Both orders are the same function of logits. The second one, PaddleSeg's, undoes the steps only once.
        before, after = ((*steps, back), ()) if softmax or self.resize_once or self._by_window else ((back,), steps)
        scaled = (tuple(int(side * ratio + 0.5) for side in size) for ratio in self.ratios)
        return ((resize(images, to, self.align_corners), before) for to in scaled), after

    def _logits(self, model: paddle.nn.Layer, images: paddle.Tensor, autocast: Callable) -> paddle.Tensor:
        """Return logits at the size of the features with ``resize_once``, else at the size of ``images``."""

        def forward(part: paddle.Tensor) -> paddle.Tensor:
            channels_last = getattr(model, "data_format", "NCHW") == "NHWC"
            with autocast():
                part = part.transpose([0, 2, 3, 1]) if channels_last else part
                outputs = model.feature_logits(part) if self.resize_once else model(part)
            if not isinstance(outputs, collections.abc.Sequence):
                raise TypeError(f"The model must return a list of logits, not {type(outputs).__name__}.")
            logits = outputs[0].transpose([0, 3, 1, 2]) if channels_last else outputs[0]
            # AMP is for the model only: sums of windows and the later steps would lose too much in fp16.
            return logits.astype("float32") if logits.dtype in (paddle.float16, paddle.bfloat16) else logits

        def averaged(part: paddle.Tensor) -> paddle.Tensor:
            return _average(_mirrored(F.softmax(forward(_mirrored(part, flip)), axis=1), flip) for flip in self.flips)

        scores = averaged if self._by_window else forward
        if not (self.is_slide and self.crop_size and self.stride):
            return scores(images)
        return slide_logits(scores, images, self.crop_size, self.stride, self.slide_batch_size)

    def _undo(self, logits: paddle.Tensor, steps: _Steps) -> paddle.Tensor:
        """Undo what the transforms did to the size, the last step first."""
        if self.resize_once and steps:
            if any(kind in ("padding", "inset") for kind, _ in steps):
                raise UserError(
                    "resize_once cannot undo a padding, because it resizes logits that are smaller than the image; "
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
                # The probabilities of semseg are resized like a picture, without align_corners.
                logits = resize(logits, (height, width), self.align_corners and not self._by_window)
        return logits


def protocol_of(settings: dict[str, Any]) -> InferenceProtocol:
    """Return the protocol in ``test_config``, which may also hold keys of the evaluation."""
    names = {field.name for field in dataclasses.fields(InferenceProtocol)}
    return InferenceProtocol(**{key: value for key, value in settings.items() if key in names})


def _average(passes: Iterator[paddle.Tensor]) -> paddle.Tensor:
    """Return the mean of tensors. They are added as they come, so that only two are in memory."""
    total, count = next(passes), 1
    for scores in passes:
        total, count = total + scores, count + 1
    return total / count if count > 1 else total


def _mirrored(images: paddle.Tensor, axes: Sequence[int]) -> paddle.Tensor:
    return paddle.flip(images, list(axes)) if axes else images


def _steps(trans_info: Sequence) -> _Steps:
    """Return ``trans_info`` as plain values; a loader's collation makes lists of tensors of it."""
    steps = []
    for kind, size in trans_info:
        kind = kind if isinstance(kind, str) else kind[0]
        if kind not in ("resize", "padding", "inset"):
            raise UserError(f"A transform of val_dataset records {kind!r}, which cannot be undone; remove it.")
        steps.append((kind, tuple(int(side) for side in size)))
    return tuple(steps)
