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
    * in float64: it takes its weights in float32 whatever the dtype of the map, which costs 5e-7;
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
        framework = paddle.in_dynamic_mode() and x.dtype != paddle.float64
        if framework and (align_corners or align_mode == 1 or 1 not in size):
            return F.interpolate(
                x, size=list(size), mode="bilinear", align_corners=align_corners, align_mode=align_mode
            )
        align_corners = paddle.full([], align_corners, "bool")
    _, _, height, width = sizes(x)
    rows = _interpolation_matrix(size[0], height, align_corners, align_mode, x.dtype)
    columns = _interpolation_matrix(size[1], width, align_corners, align_mode, x.dtype)
    return rows_and_columns(x, rows, columns)


@paddle.jit.not_to_static
def rows_and_columns(x: paddle.Tensor, rows: paddle.Tensor, columns: paddle.Tensor) -> paddle.Tensor:
    """``rows @ map @ columns.T`` for every map of ``x`` (N, C, H, W): (N, C, len(rows), len(columns)).

    In the forms that Paddle Inference computes right with oneDNN: products of two dimensions, because it reads a
    broadcast operand in the wrong layout; and never over a single element, which gives it garbage: see ``margin``.

    Args:
        rows: (R, H + margin(H)), zeros in the margin.
        columns: (S, W + margin(W)), zeros in the margin.
    """
    n, c, height, width = sizes(x)
    to_height, to_width = sizes(rows)[0], sizes(columns)[0]
    x = paddle.reshape(x, [n * c * height, width])
    x = paddle.matmul(_with_margin(x, margin(width)), columns, transpose_y=True)
    x = paddle.transpose(paddle.reshape(x, [n * c, height, to_width]), [0, 2, 1])
    x = paddle.reshape(x, [n * c * to_width, height])
    x = paddle.matmul(_with_margin(x, margin(height)), rows, transpose_y=True)
    return paddle.transpose(paddle.reshape(x, [n, c, to_width, to_height]), [0, 1, 3, 2])


def margin(side: Size) -> int:
    """How many zeros ``rows_and_columns`` adds to a side: one where it is, or may turn out to be, a single cell."""
    return 0 if isinstance(side, int) and side > 1 else 1


def _with_margin(x: paddle.Tensor, columns: int) -> paddle.Tensor:
    return paddle.concat([x, paddle.zeros_like(x[:, :1])], axis=1) if columns else x


def _interpolation_matrix(
    to: Size, source: Size, align_corners: paddle.Tensor, align_mode: int, dtype: paddle.dtype
) -> paddle.Tensor:
    """Matrix of linear interpolation along one axis, for ``rows_and_columns``: row o has a tent around o's source.

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
    distance = paddle.unsqueeze(at, 1) - paddle.unsqueeze(_range(source + margin(source)), 0)
    return paddle.cast(paddle.maximum(1 - paddle.abs(distance), paddle.zeros_like(distance)), dtype)


def _range(end: Size) -> paddle.Tensor:
    return paddle.cast(paddle.arange(0, _scalar(end, "int64"), 1, dtype="int64"), "float64")


def _scalar(value: Size, dtype: str) -> paddle.Tensor:
    if isinstance(value, int):
        return paddle.full([], value, dtype)
    return paddle.cast(value, dtype)
