"""The golden files, and the weights and inputs that were drawn for them."""

import functools
import json
import zlib
from pathlib import Path

import numpy as np

from paddleseg_ext.parity.peer_side.draw import draw_batch, draw_weight

FOLDER = Path(__file__).parent


class Case:
    """One golden file: ``info``, the arrays by name, and what is drawn for it."""

    def __init__(self, name):
        self.name = name
        self.arrays = dict(np.load(FOLDER / f"{name}.npz"))
        self.info = json.loads(bytes(self.arrays.pop("info")))

    def __getitem__(self, key):
        return self.arrays[key]

    @functools.cached_property
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
        image, labels = draw_batch(self.info["seed"], self.info["batch"], self.info["size"], self.info["num_classes"])
        assert zlib.crc32(image.tobytes()) == self.info["crc32"]["input"]
        assert zlib.crc32(labels.tobytes()) == self.info["crc32"]["labels"]
        return image, labels
