"""Bilinear resizing whose size, and whose align_corners, may be known only when the graph runs."""

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


def _is_known(value) -> bool:
    return isinstance(value, (bool, int))


@paddle.jit.not_to_static
def resize(x: paddle.Tensor, size: Sequence[Size], align_corners: Union[bool, paddle.Tensor]) -> paddle.Tensor:
    """Bilinear resize of ``x`` (N, C, H, W) to ``size`` (height, width), half-pixel centres unless ``align_corners``.

    Args:
        x: A floating point map.
        size: Two ints or 0-D integer tensors.
        align_corners: A bool, or a 0-D bool tensor when the answer depends on a size unknown until run time.
            No framework's resize takes that, so the map is then multiplied by two interpolation matrices,
            which is the same function up to rounding.
    """
    # Paddle's resize to a side of one reads the first cell where torch, hence every peer, reads the middle.
    to_the_middle = align_corners is False and any(_is_known(side) and side == 1 for side in size)
    if _is_known(align_corners) and not to_the_middle:
        if all(_is_known(side) for side in size):
            if tuple(size) == tuple(x.shape[2:]):
                return x
            return F.interpolate(x, size=list(size), mode="bilinear", align_corners=bool(align_corners))
        return F.interpolate(x, size=_as_vector(size), mode="bilinear", align_corners=bool(align_corners))
    if _is_known(align_corners):
        align_corners = paddle.full([], align_corners, "bool")
    rows = _interpolation_matrix(size[0], spatial_size(x)[0], align_corners, x.dtype)
    columns = _interpolation_matrix(size[1], spatial_size(x)[1], align_corners, x.dtype)
    return paddle.matmul(paddle.matmul(rows, x), columns, transpose_y=True)


def _as_vector(size: Sequence[Size]) -> paddle.Tensor:
    return paddle.concat([paddle.reshape(_scalar(side, "int32"), [1]) for side in size])


def _scalar(value: Size, dtype) -> paddle.Tensor:
    if isinstance(value, int):
        return paddle.full([], value, dtype)
    return paddle.cast(value, dtype)


def _interpolation_matrix(to: Size, source: Size, align_corners: paddle.Tensor, dtype) -> paddle.Tensor:
    """(to, source) matrix of linear interpolation along one axis: row o holds the tent function around o's source."""
    count, length = _scalar(to, dtype), _scalar(source, dtype)
    one = paddle.ones([], dtype)
    # Under align_corners a single output reads the first input, as in every framework: hence the maximum.
    aligned = (length - 1) / paddle.maximum(count - 1, one)
    aligned = paddle.where(count > 1, aligned, paddle.zeros_like(aligned))
    corner = paddle.cast(align_corners, dtype)
    scale = corner * aligned + (1 - corner) * (length / count)
    shift = (1 - corner) * 0.5
    at = (_range(to, dtype) + shift) * scale - shift
    at = paddle.minimum(paddle.maximum(at, paddle.zeros_like(at)), length - 1)
    distance = paddle.unsqueeze(at, 1) - paddle.unsqueeze(_range(source, dtype), 0)
    return F.relu(1 - paddle.abs(distance))


def _range(end: Size, dtype) -> paddle.Tensor:
    return paddle.cast(paddle.arange(0, _scalar(end, "int64"), 1, dtype="int64"), dtype)
