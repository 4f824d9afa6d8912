"""Bilinear resizing that stays right in an exported program."""

from collections.abc import Sequence
from typing import Union

import paddle
import paddle.nn.functional as F

from paddleseg_ext.ops.shapes import sizes

Size = Union[int, paddle.Tensor]


@paddle.jit.not_to_static
def spatial_size(x: paddle.Tensor) -> tuple:
    """Height and width of ``x`` (N, C, H, W): ints where they are known, 0-D tensors in a graph of dynamic shape."""
    return tuple(sizes(x)[2:])


@paddle.jit.not_to_static
def resize(
    x: paddle.Tensor, size: Sequence[Size], align_corners: Union[bool, paddle.Tensor], align_mode: int = 0
) -> paddle.Tensor:
    """Bilinear resize of ``x`` (N, C, H, W) to ``size`` (height, width), half-pixel centres unless ``align_corners``.

    In a program, and wherever else the framework's own resize will not do, the map is multiplied by two
    interpolation matrices instead, which is the same function up to rounding. The framework's will not do

    * in Paddle Inference with oneDNN: 3.2.2 ignores align_corners without a word, 3.3.1 does not run at all;
    * when align_corners depends on a size that is unknown until run time, as no framework takes it as a tensor;
    * for a side of one without align_corners: it reads the first cell where torch, hence every peer, reads the middle.

    Args:
        x: A floating point map.
        size: Two ints or 0-D integer tensors.
        align_corners: A bool, or a 0-D bool tensor.
        align_mode: Without align_corners: 0 for half-pixel centres, 1 for PaddlePaddle's older rule that output o
            reads input ``o * scale``.
    """
    if all(isinstance(side, int) for side in size) and tuple(size) == tuple(x.shape[2:]):
        return x
    if isinstance(align_corners, bool):
        if paddle.in_dynamic_mode() and (align_corners or align_mode == 1 or 1 not in size):
            return F.interpolate(
                x, size=list(size), mode="bilinear", align_corners=align_corners, align_mode=align_mode
            )
        align_corners = paddle.full([], align_corners, "bool")
    n, c, height, width = sizes(x)
    rows = _interpolation_matrix(size[0], height, align_corners, align_mode, x.dtype)
    columns = _interpolation_matrix(size[1], width, align_corners, align_mode, x.dtype)
    # Two-dimensional products only: oneDNN in Paddle Inference reads a broadcast operand in the wrong layout.
    x = paddle.matmul(paddle.reshape(x, [n * c * height, width]), columns, transpose_y=True)
    x = paddle.transpose(paddle.reshape(x, [n * c, height, size[1]]), [0, 2, 1])
    x = paddle.matmul(paddle.reshape(x, [n * c * size[1], height]), rows, transpose_y=True)
    return paddle.transpose(paddle.reshape(x, [n, c, size[1], size[0]]), [0, 1, 3, 2])


def _interpolation_matrix(
    to: Size, source: Size, align_corners: paddle.Tensor, align_mode: int, dtype: paddle.dtype
) -> paddle.Tensor:
    """(to, source) matrix of linear interpolation along one axis: row o holds the tent function around o's source.

    Worked out in float64, which oneDNN leaves to Paddle: 3.3.1's float32 arithmetic on scalars overwrites operands
    that are still needed.
    """
    count, length = _scalar(to, "float64"), _scalar(source, "float64")
    one = paddle.ones([], "float64")
    # Under align_corners a single output reads the first input, as in every framework.
    aligned = paddle.where(count > 1, (length - 1) / paddle.maximum(count - 1, one), paddle.zeros_like(count))
    corner = paddle.cast(align_corners, "float64")
    scale = corner * aligned + (1 - corner) * (length / count)
    shift = (1 - corner) * (0.5 if align_mode == 0 else 0.0)
    at = (_range(to) + shift) * scale - shift
    at = paddle.minimum(paddle.maximum(at, paddle.zeros_like(at)), length - 1)
    distance = paddle.unsqueeze(at, 1) - paddle.unsqueeze(_range(source), 0)
    return paddle.cast(paddle.maximum(1 - paddle.abs(distance), paddle.zeros_like(distance)), dtype)


def _range(end: Size) -> paddle.Tensor:
    return paddle.cast(paddle.arange(0, _scalar(end, "int64"), 1, dtype="int64"), "float64")


def _scalar(value: Size, dtype: str) -> paddle.Tensor:
    if isinstance(value, int):
        return paddle.full([], value, dtype)
    return paddle.cast(value, dtype)
