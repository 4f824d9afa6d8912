"""Sizes of tensors, in dygraph and in a program."""

import paddle

from paddleseg_ext.ops.shapes import sizes


def test_sizes_of_a_tensor_are_integers():
    assert sizes(paddle.zeros([2, 0, 3])) == [2, 0, 3]


def test_unknown_sizes_of_a_program_are_its_tensors():
    found = []

    @paddle.jit.not_to_static
    def area(x):
        found.append(sizes(x))
        return x.sum() * found[-1][1] * found[-1][3]

    spec = paddle.static.InputSpec([2, 3, None, None], "float32")
    program = paddle.jit.to_static(area, input_spec=[spec], full_graph=True)
    assert float(program(paddle.ones([2, 3, 4, 5]))) == 2 * 3 * 4 * 5 * 3 * 5
    batch, channels, height, width = found[0]
    assert (batch, channels) == (2, 3)
    assert not isinstance(height, int) and not isinstance(width, int)
