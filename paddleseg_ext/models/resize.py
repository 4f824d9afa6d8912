"""Bilinear resizing that stays correct in an exported program."""

from collections.abc import Sequence
from typing import Union

import paddle
import paddle.nn.functional as F

from paddleseg_ext.ops.shapes import sizes

Size = Union[int, paddle.Tensor]


@paddle.jit.not_to_static
def spatial_size(x: paddle.Tensor) -> tuple[Size, Size]:
    """Return H and W of ``x`` (N, C, H, W): ints if they are known, 0-D tensors in a program of unknown size."""
    _, _, height, width = sizes(x)
    return height, width


@paddle.jit.not_to_static
def resize(
    x: paddle.Tensor, size: Sequence[Size], align_corners: Union[bool, paddle.Tensor], align_mode: int = 0
) -> paddle.Tensor:
    """Resize ``x`` (N, C, H, W) bilinearly to ``size`` (height, width).

    Where the framework's own resize is wrong, the map is multiplied by two interpolation matrices instead. Both are the
    same function up to rounding. The framework's own resize is wrong

    * in Paddle Inference with oneDNN: Paddle 3.2.2 ignores align_corners silently, and 3.3.1 does not run. Every
      program uses the matrices for this reason;
    * in float64: its weights are float32 for a map of any dtype, an error of 5e-7;
    * if align_corners depends on a size that is known at run time only: it does not take a tensor;
    * for an output side of 1 without align_corners: it reads the first cell, but torch reads the middle.

    Args:
        x: A floating point map.
        size: Two ints or 0-D integer tensors.
        align_corners: Whether the centers of the corner pixels match: a bool, or a 0-D bool tensor.
        align_mode: The points that match without align_corners. 0: half-pixel centers. 1: PaddlePaddle's older rule:
            output o reads input ``o * scale``.
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
    """Return ``rows @ map @ columns.T`` for every map of ``x`` (N, C, H, W): (N, C, len(rows), len(columns)).

    Paddle Inference with oneDNN reads a broadcast operand in the wrong memory layout, so these are products of two
    dimensions. It also returns garbage for a product over a single element, so ``margin`` adds another.

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
    """Return how many zeros ``rows_and_columns`` adds to a side: 1 if it is, or may be, a single cell, else 0."""
    return 0 if isinstance(side, int) and side > 1 else 1


def _with_margin(x: paddle.Tensor, columns: int) -> paddle.Tensor:
    return paddle.concat([x, paddle.zeros_like(x[:, :1])], axis=1) if columns else x


def _interpolation_matrix(
    to: Size, source: Size, align_corners: paddle.Tensor, align_mode: int, dtype: paddle.dtype
) -> paddle.Tensor:
    """Return the matrix of linear interpolation along one axis for ``rows_and_columns``.

    Row o holds the weights of output o: 1 minus the distance to its source, and 0 from a distance of 1 on. They are
    computed in float64, which oneDNN leaves to Paddle: oneDNN's float32 arithmetic on scalars overwrites operands that
    are still needed (Paddle 3.3.1).
    """
    count, length = _scalar(to, "float64"), _scalar(source, "float64")
    one = paddle.ones([], "float64")
    # With align_corners a single output reads the first input, as in every framework.
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
