"""Point-wise spatial attention (Zhao et al., "PSANet: Point-wise Spatial Attention Network", ECCV 2018)."""

import functools
import math
from collections.abc import Sequence
from typing import Optional, Union

import paddle
from paddle.nn import functional as F
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import compiled, native
from paddleseg_ext.ops.backend import require, selected_backend
from paddleseg_ext.ops.shapes import sizes

MaskSize = Union[int, Sequence[int]]
# Evaluation computes an attention map in bands if it has more cells than this. An image has (H * W) ** 2 cells; this
# many are 1 GB in float32.
LARGEST_MAP = 2**28


@paddle.jit.not_to_static
def psamask(x: paddle.Tensor, psa_type: str, mask_size: MaskSize, backend: Optional[str] = None) -> paddle.Tensor:
    """Spread each position's mask over the feature map.

    Position ``p`` has ``mask_h * mask_w`` values, one for each offset ``o``. The row offsets run from ``-half_h`` to
    ``mask_h - 1 - half_h``, with ``half = (mask - 1) // 2`` for odd and even masks, as in mmcv; so do the columns.
    With ``q = p + o``, ``collect`` gives ``out[n, q, p] = x[n, o, p]``, and ``distribute`` gives the transpose,
    ``out[n, p, q] = x[n, o, p]``. Offsets that leave the map are dropped. Cells that the mask does not reach are 0.

    Args:
        x: Logits, (N, mask_h * mask_w, H, W); float32, float64, float16 or bfloat16.
        psa_type: ``'collect'`` or ``'distribute'``.
        mask_size: (mask_h, mask_w), or one integer for both.
        backend: ``'compiled'`` or ``'native'``; None takes the selected one. Both give the same bits.

    Returns:
        (N, H * W, H, W), the dtype of ``x``.

    Raises:
        UserError: ``psa_type``, ``mask_size``, the shape of ``x`` or ``backend`` is wrong.
    """
    mask_h, mask_w = _checked(x, psa_type, mask_size)
    if backend is None:
        backend = selected_backend()
    else:
        require(backend)
    if x.shape[0] == 0:  # Paddle 2.6 has no empty results of custom operators, and its concat drops empty tensors.
        return paddle.reshape(x, [0, x.shape[2] * x.shape[3], x.shape[2], x.shape[3]])
    return (compiled if backend == "compiled" else native).psamask(x, psa_type, mask_h, mask_w)


@paddle.jit.not_to_static
def point_wise_attention(
    feature: paddle.Tensor,
    logits: paddle.Tensor,
    psa_type: str,
    mask_size: MaskSize,
    normalization_factor: Optional[float] = 1.0,
    psa_softmax: bool = True,
    backend: Optional[str] = None,
) -> paddle.Tensor:
    """Sum features over the map, each output position with its own weights.

    ``out[n, :, p] = sum over k of feature[n, :, k] * weight[n, k, p] / normalization_factor``. ``weight`` is
    ``psamask(logits)``; if ``psa_softmax``, a softmax over dimension 1 follows. A position that the mask does not
    reach has the value 0 before the softmax, so it counts as exp(0), as in every published implementation.

    Args:
        feature: (N, C, H, W).
        logits: (N, mask_h * mask_w, H, W).
        psa_type: ``'collect'`` or ``'distribute'``.
        mask_size: (mask_h, mask_w), or one integer for both.
        normalization_factor: Divides the sum; None stands for mask_h * mask_w, as in mmsegmentation.
        psa_softmax: Whether the weights go through a softmax over dimension 1.
        backend: See :func:`psamask`.

    Returns:
        (N, C, H, W).

    Raises:
        UserError: An argument is wrong (see :func:`psamask`), or feature and logits differ in N, H or W.
    """
    mask_h, mask_w = _checked(logits, psa_type, mask_size)
    pairs = list(zip(feature.shape, logits.shape))
    differing = [axis for axis, pair in enumerate(pairs) if axis != 1 and pair[0] != pair[1] and -1 not in pair]
    if feature.ndim != 4 or differing:
        raise UserError(
            f"feature {list(feature.shape)} and logits {list(logits.shape)} must be (N, C, H, W) with equal N, H and W."
        )
    if normalization_factor is None:
        normalization_factor = mask_h * mask_w
    if _is_too_large_at_once(logits):
        return _in_bands(feature, logits, psa_type, (mask_h, mask_w), normalization_factor, psa_softmax, backend)
    weight = psamask(logits, psa_type, (mask_h, mask_w), backend)
    return attend(feature, weight, normalization_factor, psa_softmax)


@paddle.jit.not_to_static
def attend(
    feature: paddle.Tensor, weight: paddle.Tensor, normalization_factor: float = 1.0, psa_softmax: bool = True
) -> paddle.Tensor:
    """Sum features over the map with weights that are laid out by position already.

    This is the second half of :func:`point_wise_attention`.

    Args:
        feature: (N, C, H, W).
        weight: (N, H * W, H, W); position ``p`` takes ``weight[n, k, p]`` of position ``k``.
        normalization_factor: Divides the sum.
        psa_softmax: Whether the weights go through a softmax over dimension 1.

    Returns:
        (N, C, H, W).
    """
    return paddle.reshape(_sums(feature, weight, normalization_factor, psa_softmax), sizes(feature))


def _sums(
    feature: paddle.Tensor, weight: paddle.Tensor, normalization_factor: float, psa_softmax: bool
) -> paddle.Tensor:
    """The sums at P positions, (N, C, P), from ``weight`` (N, H * W, P), whose last dimension may be two."""
    weight = paddle.flatten(weight, 2)
    if psa_softmax:
        weight = F.softmax(weight, axis=1)
    out = paddle.bmm(paddle.flatten(feature, 2), weight)
    return out / normalization_factor if normalization_factor != 1 else out


def _is_too_large_at_once(logits: paddle.Tensor) -> bool:
    """Return whether to compute the attention map in bands. Programs and gradients need the whole map."""
    if not paddle.in_dynamic_mode() or paddle.is_grad_enabled():
        return False
    count, _, height, width = logits.shape
    return count * (height * width) ** 2 > LARGEST_MAP


def _in_bands(
    feature: paddle.Tensor,
    logits: paddle.Tensor,
    psa_type: str,
    mask_size: tuple[int, int],
    normalization_factor: float,
    psa_softmax: bool,
    backend: Optional[str],
) -> paddle.Tensor:
    """The sums that ``attend`` makes of ``psamask``, in less memory: one band of rows after another.

    A position takes only zeros from rows that the mask does not reach, so a band needs the map of the nearby rows only.
    If these are all rows, the whole map is made once, and the softmax runs over it in bands.
    """
    count, channels, height, width = feature.shape
    reach = mask_size[0] // 2
    rows = max(1, LARGEST_MAP // 8 // (count * height * width * width))
    # A matrix product fills the processor's registers by 16. Whole lots of 16 keep the last bits of each sum.
    lot = 16 // math.gcd(16, width)
    rows = rows // lot * lot or rows
    whole = None
    if rows + 2 * reach >= height:
        _warn_of_memory(count, height, width)
        whole = psamask(logits, psa_type, mask_size, backend)
    out = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        if whole is not None:
            weight = whole[:, :, top:bottom]
        else:
            first, last = max(0, top - reach), min(height, bottom + reach)
            near = psamask(logits[:, :, first:last], psa_type, mask_size, backend)[:, :, top - first : bottom - first]
            above, below = (
                paddle.zeros([count, away * width, bottom - top, width], near.dtype) for away in (first, height - last)
            )
            weight = paddle.concat([above, near, below], axis=1)
        sums = _sums(feature, weight, normalization_factor, psa_softmax)
        out.append(paddle.reshape(sums, [count, channels, bottom - top, width]))
    return paddle.concat(out, axis=2)


@functools.cache
def _warn_of_memory(count: int, height: int, width: int) -> None:
    logger.warning(
        f"Point-wise attention over {height}x{width} features needs {4 * count * (height * width) ** 2 / 2**30:.1f} GB "
        "for its map; a sliding window (--is_slide --crop_size W H --stride W H) needs less, but gives other labels."
    )


def _checked(x: paddle.Tensor, psa_type: str, mask_size: MaskSize) -> tuple[int, int]:
    """(mask_h, mask_w)."""
    if psa_type not in ("collect", "distribute"):
        raise UserError(f"psa_type must be 'collect' or 'distribute', not {psa_type!r}.")
    pair = tuple(mask_size) if isinstance(mask_size, Sequence) else (mask_size, mask_size)
    if len(pair) != 2 or not all(isinstance(size, int) and size > 0 for size in pair):
        raise UserError(f"mask_size must be a positive integer or two of them (height, width), not {mask_size!r}.")
    mask_h, mask_w = pair
    if x.ndim != 4 or x.shape[1] not in (mask_h * mask_w, -1):
        raise UserError(
            f"A mask of {mask_h} x {mask_w} needs logits of shape (N, {mask_h * mask_w}, H, W), not {list(x.shape)}."
        )
    return mask_h, mask_w
