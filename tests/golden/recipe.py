"""Weights, inputs and labels of the golden cases, drawn from the peers' parameter names and a seed."""

import json
import zlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def _generator(name, seed):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 1000003 * seed))


def draw_weight(name, shape, seed):
    """The value of the entry ``name`` of the peer's state dict."""
    random = _generator(name, seed)
    if name.endswith("num_batches_tracked"):
        return np.int64(7)
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


class Case:
    """One golden file: ``info``, the arrays by name, and what is drawn for it."""

    def __init__(self, name):
        self.name = name
        self.arrays = dict(np.load(FOLDER / f"{name}.npz"))
        self.info = json.loads(bytes(self.arrays.pop("info")))

    def __getitem__(self, key):
        return self.arrays[key]

    def weights(self):
        """``{name: array}`` of the peer's whole state dict, checked against the peer's own checksum."""
        keys = json.loads((FOLDER / self.info["keys_file"]).read_text())
        state = {name: draw_weight(name, shape, self.info["seed"]) for name, shape in keys}
        checksum = 0
        for name, _ in keys:
            checksum = zlib.crc32(np.ascontiguousarray(state[name]).tobytes(), checksum)
        assert checksum == self.info["crc32"]["weights"], "these are not the weights the peer was given"
        return state

    def batch(self):
        """Image (N, 3, H, W) float32 and labels (N, H, W) int64 with 255 where ignored."""
        seed, batch, size = self.info["seed"], self.info["batch"], self.info["size"]
        image = _generator("input", seed).standard_normal((batch, 3, *size)).astype("float32")
        random = _generator("labels", seed)
        labels = np.floor(self.info["num_classes"] * random.random((batch, *size))).astype("int64")
        labels[random.random((batch, *size)) < 0.1] = 255
        assert zlib.crc32(image.tobytes()) == self.info["crc32"]["input"]
        assert zlib.crc32(labels.tobytes()) == self.info["crc32"]["labels"]
        return image, labels
