"""The state of the heads as SSSegmentation or mmsegmentation builds them, ``draws`` times over, by name.

The other settings are those of ``paddleseg_ext/parity/peer_side/networks.py``.
"""

import bootstrap  # noqa: I001  before the peers: see there

import numpy as np
import torch
from networks import PEERS


def main(settings):
    draws = {}
    for seed in range(settings["draws"]):
        torch.manual_seed(seed)
        for name, value in PEERS[settings["peer"]](settings).network.state_dict().items():
            if not name.startswith("backbone") and not name.endswith("num_batches_tracked"):
                draws.setdefault(name, []).append(value.numpy().ravel())
    return {name: np.stack(values) for name, values in draws.items()}


bootstrap.answer(main)
