"""The stand-in for ViTAdapter's operator, against a sum over points written out."""

import numpy as np
import paddle

from paddleseg_ext.compat.deformable_attention import ms_deform_attn

SHAPES = [(4, 6), (3, 2)]


def at(level: np.ndarray, x: float, y: float) -> np.ndarray:
    """The bilinear sample of (height, width, channels) at pixel coordinates, 0 outside."""
    left, top = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(level.shape[2])
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < level.shape[0] and 0 <= column < level.shape[1]:
                total += level[row, column] * (1 - abs(x - column)) * (1 - abs(y - row))
    return total


def test_values():
    n, heads, channels, queries, points = 2, 3, 4, 5, 2
    draw = np.random.RandomState(0)
    value = draw.randn(n, sum(h * w for h, w in SHAPES), heads, channels).astype("float32")
    locations = draw.uniform(-0.1, 1.1, (n, queries, heads, len(SHAPES), points, 2)).astype("float32")
    weights = draw.rand(n, queries, heads, len(SHAPES), points).astype("float32")

    expected = np.zeros((n, queries, heads, channels))
    for image, query, head in np.ndindex(n, queries, heads):
        start = 0
        for level, (height, width) in enumerate(SHAPES):
            plane = value[image, start : start + height * width, head].reshape(height, width, channels)
            start += height * width
            for point in range(points):
                x, y = locations[image, query, head, level, point] * (width, height) - 0.5
                expected[image, query, head] += weights[image, query, head, level, point] * at(plane, x, y)

    starts = paddle.to_tensor([0, 24])
    inputs = [paddle.to_tensor(item) for item in (value, np.array(SHAPES), starts, locations, weights)]
    output = ms_deform_attn(*inputs, 64)
    np.testing.assert_allclose(output.numpy(), expected.reshape(n, queries, -1), rtol=1e-4, atol=1e-5)
