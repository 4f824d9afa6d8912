"""Weights, images and labels drawn from names and a seed, the same on both sides. Only NumPy is imported."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

_BACKBONES = ("backbone_net.", "backbone.")


def generator(name: str, seed: int) -> np.random.Generator:
    """A random generator of its own for each name and seed."""
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 1000003 * seed))


def draw_weight(name: str, shape: Sequence[int], seed: int) -> np.ndarray:
    """The value of the entry ``name`` of a peer's state dict. Activations stay of order one."""
    random = generator(name, seed)
    if name.endswith("num_batches_tracked"):
        return np.array(7)
    if len(shape) == 4:
        # Filters that sum to zero keep every layer's activations of order one.
        value = random.standard_normal(shape)
        value -= value.mean(axis=(1, 2, 3), keepdims=True)
        return (value * np.sqrt(2 / np.prod(shape[1:]))).astype("float32")
    if name.endswith("running_mean"):
        return (0.1 * random.standard_normal(shape)).astype("float32")
    if name.endswith("running_var"):
        return random.uniform(0.5, 1.5, shape).astype("float32")
    if name.endswith("bias"):
        return (0.2 * random.uniform(-1, 1, shape)).astype("float32")
    scale = 0.5 if "layer" in name and name.endswith(".bn2.weight") else 1
    scale *= 2 if "attention" in name else 1
    return (scale * (1 + 0.2 * random.uniform(-1, 1, shape))).astype("float32")


def draw_calibrated(name: str, shape: Sequence[int], seed: int) -> np.ndarray:
    """The value of ``draw_weight`` for networks of any depth.

    A residual block adds to its input, so activations would grow with the number of blocks. Therefore the scale of the
    last normalization of each block is small. The names of the backbone's entries lose their prefix first. The rest of
    a name is the same in all peers, so all have the same backbone.
    """
    for prefix in _BACKBONES:
        if name.startswith(prefix):
            name = name[len(prefix) :]
    value = draw_weight(name, shape, seed)
    damping = {"bn2.weight": 0.5, "bn3.weight": 0.25}.get(name[-10:], 1) if name.startswith("layer") else 1
    return value * value.dtype.type(damping)


def draw_batch(seed: int, batch: int, size: Sequence[int], num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (batch, 3, *size) float32, and labels (batch, *size) int64; a tenth of the labels is 255 (ignored)."""
    images = generator("input", seed).standard_normal((batch, 3, *size)).astype("float32")
    random = generator("labels", seed)
    labels = np.floor(num_classes * random.random((batch, *size))).astype("int64")
    labels[random.random((batch, *size)) < 0.1] = 255
    return images, labels


def checksum(arrays: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of ``{name: array}`` without the counters, in the order of the names."""
    value = 0
    for name in sorted(arrays):
        if not name.endswith("num_batches_tracked"):
            value = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), value)
    return value
