"""Sizes of a tensor that may be unknown until the exported program runs."""

import paddle


def sizes(x: paddle.Tensor) -> list:
    """The sizes of ``x``: integers where they are known, scalar tensors of the program where they are not.

    Call it from functions marked ``paddle.jit.not_to_static``: the rewriting of ``to_static`` turns ``x.shape``
    into tensors, on which Python cannot decide.
    """
    shape = list(x.shape)
    if min(shape) >= 0:
        return shape
    dynamic = paddle.shape(x)
    return [size if size >= 0 else dynamic[axis] for axis, size in enumerate(shape)]
