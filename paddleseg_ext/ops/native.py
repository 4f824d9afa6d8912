"""psamask from slice, concat, reshape and transpose only: any dtype, any device, exportable, differentiable.

Offsets become positions by a skew, as in relative-position attention: row ``i`` of a matrix is shifted left by ``i``.
On a row-major matrix, a reshape to rows that are one element shorter does this. psamask is two such skews, one per
image axis, and one transpose. ``F.pad`` is not used, because paddle2onnx 2.1.0 converts it to a Pad with an undefined
fill value.
"""

import paddle

from paddleseg_ext.ops.shapes import Size, sizes


def psamask(x: paddle.Tensor, psa_type: str, mask_h: int, mask_w: int) -> paddle.Tensor:
    """Point-wise spatial attention mask; see :func:`paddleseg_ext.ops.psamask` (arguments already checked)."""
    n, _, h, w = sizes(x)
    dtype = x.dtype
    if dtype == paddle.bfloat16 and paddle.device.get_device() == "cpu":
        x = x.astype("float32")  # Paddle's concat has no bfloat16 gradient on the CPU. Values are only moved.
    x = paddle.reshape(x, [n, mask_h, mask_w, h, w])
    x = paddle.transpose(x, [0, 3, 1, 2, 4])  # n, own row, row offset, column offset, own column
    x = _skew(x, 2, mask_h, h, n, mask_w * w)
    x = paddle.reshape(x, [n, h, h, mask_w, w])  # n, own row, other row, column offset, own column
    x = paddle.transpose(x, [0, 1, 2, 4, 3])
    x = _skew(x, 4, mask_w, w, n * h * h, 1)
    x = paddle.reshape(x, [n, h, h, w, w])  # n, own row, other row, own column, other column
    order = [0, 2, 4, 1, 3] if psa_type == "collect" else [0, 1, 3, 2, 4]
    x = paddle.reshape(paddle.transpose(x, order), [n, h * w, h, w])
    return x if x.dtype == dtype else x.astype(dtype)


def _skew(x: paddle.Tensor, axis: int, offsets: int, side: Size, outer: Size, inner: Size) -> paddle.Tensor:
    """(outer, side, offsets, inner) to (outer, side, side, inner); ``axis`` is the axis of the offsets.

    out[i, j] = x[i, j - i + half], and 0 outside. ``outer`` and ``inner`` may be several dimensions of ``x``. They are
    merged after the concat: Paddle 3 cannot load a program of fixed size that concatenates the result of a reshape,
    because a pass drops the reshape, and then the types in the concat's list do not agree.
    """
    half = (offsets - 1) // 2
    shape = sizes(x)
    shape[axis] = side
    zeros = paddle.zeros(shape, dtype=x.dtype)
    x = paddle.concat([zeros, x, zeros], axis=axis)
    # A row has 2 * side offsets: -(side - 1) .. side. The last one is never read, but with it a side of 1 needs no
    # special case.
    x = paddle.slice(x, [axis], [half + 1], [half + 1 + 2 * side])
    x = paddle.reshape(x, [outer, side * 2 * side, inner])
    x = x[:, side - 1 : side * 2 * side - 1]
    x = paddle.reshape(x, [outer, side, 2 * side - 1, inner])
    return x[:, :, :side]
