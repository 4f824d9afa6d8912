"""The pixels of each class in a prediction and a label, counted in one pass."""

import numpy as np
import paddle


def calculate_area(
    pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore_index: int = 255
) -> tuple[paddle.Tensor, paddle.Tensor, paddle.Tensor]:
    """Count the pixels of each class.

    A pixel whose label is ``ignore_index`` counts nowhere. A pixel whose label is outside the classes counts for the
    class that is predicted there, as it does in PaddleSeg.

    Args:
        pred: The predicted class of each pixel, integers, (N, 1, H, W) or (N, H, W).
        label: The true class of each pixel, integers, of the same shape, with or without the channel axis.
        num_classes: The classes are 0 to ``num_classes - 1``.
        ignore_index: The label of the pixels to leave out. It may be a class, or lie outside them, or be negative.

    Returns:
        Three int64 tensors of shape (num_classes,): the pixels of each class in which prediction and label agree, its
        predicted pixels, and its labeled pixels.

    Raises:
        ValueError: The shapes differ.
    """
    if len(pred.shape) == 4:
        pred = paddle.squeeze(pred, axis=1)
    if len(label.shape) == 4:
        label = paddle.squeeze(label, axis=1)
    if list(pred.shape) != list(label.shape):
        raise ValueError(f"Shape of `pred` and `label` should be equal, but they are {pred.shape} and {label.shape}.")
    count = _pair_counts_numpy if pred.place.is_cpu_place() else _pair_counts_paddle
    pairs = count(pred, label, num_classes, ignore_index)
    classes = pairs[:num_classes, :num_classes]
    return paddle.diagonal(classes), pairs[:, :num_classes].sum(axis=0), pairs[:num_classes].sum(axis=1)


# Both functions count pairs of label and prediction into a matrix. It has a row for each class and one for labels that
# are no class, a column for each class and one for predictions that are no class. One more row counts the ignored
# pixels; it is dropped in the end.


def _pair_counts_paddle(pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore: int) -> paddle.Tensor:
    side = num_classes + 1
    outside = paddle.full([1], num_classes, "int64")
    pred, label = pred.flatten().astype("int64"), label.flatten().astype("int64")
    column = paddle.where((pred >= 0) & (pred < num_classes), pred, outside)
    row = paddle.where((label >= 0) & (label < num_classes), label, outside)
    row = paddle.where(label == ignore, outside + 1, row)
    pairs = paddle.bincount(row * side + column, minlength=(side + 1) * side)
    return pairs.reshape([side + 1, side])[:side]


def _pair_counts_numpy(pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore: int) -> paddle.Tensor:
    side = num_classes + 1
    pred, label = pred.numpy().ravel(), label.numpy().ravel()
    pairs = np.zeros((side + 1) * side, np.int64)
    block = 1 << 15  # pixels; what one turn of the loop touches then stays in a core's cache
    for start in range(0, label.size, block):
        part = label[start : start + block]
        cell = _clip(part, num_classes)
        np.putmask(cell, part == ignore, side)
        cell *= side
        cell += _clip(pred[start : start + block], num_classes)
        pairs += np.bincount(cell, minlength=pairs.size)
    return paddle.to_tensor(pairs.reshape(side + 1, side)[:side])


def _clip(values: np.ndarray, top: int) -> np.ndarray:
    """A new int64 array, in which ``top`` replaces every value that is negative or larger."""
    unsigned = values.view(f"u{values.itemsize}")  # where every negative value is a large one
    top = unsigned.dtype.type(min(top, np.iinfo(unsigned.dtype).max))
    clipped = np.minimum(unsigned, top)
    return clipped.view(np.int64) if clipped.itemsize == 8 else clipped.astype(np.int64)
