"""Sizes of a tensor; an exported program may know them only when it runs."""

from typing import Union

import paddle

Size = Union[int, paddle.Tensor]


def sizes(x: paddle.Tensor) -> list[Size]:
    """The sizes of ``x``: integers if they are known, scalar tensors of the program if they are not.

    Call it only from functions marked ``paddle.jit.not_to_static``. Elsewhere ``to_static`` turns ``x.shape`` into
    tensors, and Python cannot branch on those.
    """
    shape = list(x.shape)
    if min(shape) >= 0:
        return shape
    dynamic = paddle.shape(x)
    return [size if size >= 0 else dynamic[axis] for axis, size in enumerate(shape)]
