"""Multi-scale deformable attention in Paddle's own operators, in the form of PaddleSeg's CUDA operator."""

import paddle
import paddle.nn.functional as F


def ms_deform_attn(
    value: paddle.Tensor,
    spatial_shapes: paddle.Tensor,
    level_start_index: paddle.Tensor,
    sampling_locations: paddle.Tensor,
    attention_weights: paddle.Tensor,
    im2col_step: int,
) -> paddle.Tensor:
    """Multi-scale deformable attention (Zhu et al., https://arxiv.org/abs/2010.04159, equation 3).

    Args:
        value: (N, pixels of all levels, heads, channels).
        spatial_shapes: (levels, 2), height and width of each.
        level_start_index: (levels,), where each level begins. The function computes it from the shapes instead.
        sampling_locations: (N, queries, heads, levels, points, 2), x and y, from 0 to 1 across a level.
        attention_weights: (N, queries, heads, levels, points).
        im2col_step: An argument of the CUDA operator. It has no effect here.

    Returns:
        (N, queries, heads * channels).
    """
    n, _, heads, channels = value.shape
    queries = sampling_locations.shape[1]
    shapes = [(int(height), int(width)) for height, width in spatial_shapes.numpy()]
    levels = value.transpose([0, 2, 3, 1]).reshape([n * heads, channels, -1])
    levels = paddle.split(levels, [height * width for height, width in shapes], axis=2)
    grids = (2 * sampling_locations - 1).transpose([0, 2, 1, 3, 4, 5]).flatten(0, 1)
    weights = attention_weights.transpose([0, 2, 1, 3, 4]).reshape([n * heads, 1, queries, -1])
    samples = [
        F.grid_sample(level.reshape([n * heads, channels, *shape]), grids[:, :, index], align_corners=False)
        for index, (level, shape) in enumerate(zip(levels, shapes))
    ]
    output = (paddle.concat(samples, axis=3) * weights).sum(axis=3)  # (N * heads, channels, queries)
    return output.reshape([n, heads * channels, queries]).transpose([0, 2, 1])
