"""Sliding windows: an image is segmented piece by piece, and the logits of overlapping pieces are averaged."""

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import paddle


def slide_logits(
    forward: Callable[[paddle.Tensor], paddle.Tensor],
    images: paddle.Tensor,
    crop_size: Sequence[int],
    stride: Sequence[int],
    batch_size: int = 4,
) -> paddle.Tensor:
    """Average the logits of windows that cover the image.

    The windows are those of PaddleSeg, mmsegmentation and SSSegmentation. A window begins every ``stride`` pixels. The
    last window of each row and column is moved back until it lies inside the image. An image that is smaller than the
    window is one window.

    Args:
        forward: Images (n, channels, h, w) to logits (n, num_classes, h, w).
        images: (N, channels, H, W).
        crop_size, stride: (width, height).
        batch_size: The number of windows in one call of ``forward``.

    Returns:
        Logits (N, num_classes, H, W), added up on the device that computed them.
    """
    count, _, height, width = images.shape
    tops = _starts(height, crop_size[1], stride[1])
    lefts = _starts(width, crop_size[0], stride[0])
    high, wide = min(crop_size[1], height), min(crop_size[0], width)
    corners = [(top, left) for top in tops for left in lefts]
    in_numpy = _adds_up_in_numpy(images)
    total: Any = None  # an array or a tensor
    for first in range(0, len(corners), batch_size):
        some = corners[first : first + batch_size]
        windows = [images[:, :, top : top + high, left : left + wide] for top, left in some]
        output = forward(paddle.concat(windows) if len(windows) > 1 else windows[0])
        logits: Any = output.numpy() if in_numpy else output
        if total is None:
            zeros: Any = np.zeros if in_numpy else paddle.zeros
            total = zeros([count, logits.shape[1], height, width], logits.dtype)
        for number, (top, left) in enumerate(some):
            total[:, :, top : top + high, left : left + wide] += logits[number * count : (number + 1) * count]
    # Windows stand in rows and columns, so the number of windows that contain a pixel is a product.
    seen = np.outer(_coverage(tops, high, height), _coverage(lefts, wide, width)).astype("float32")
    if in_numpy:
        total /= seen
        return paddle.to_tensor(total)
    return total / paddle.to_tensor(seen).astype(total.dtype)


def _adds_up_in_numpy(images: paddle.Tensor) -> bool:
    """On a CPU numpy adds to a part of an array in a tenth of Paddle's time. Elsewhere logits stay where they are."""
    return images.place.is_cpu_place()


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Return the first pixels of the windows along one axis."""
    steps = max(length - window + stride - 1, 0) // stride
    return [max(min(step * stride, length - window), 0) for step in range(steps + 1)]


def _coverage(starts: Sequence[int], window: int, length: int) -> np.ndarray:
    """Return the number of windows that contain each pixel along one axis: float64 (length,)."""
    seen = np.zeros(length)
    for start in starts:
        seen[start : start + window] += 1
    return seen
