"""PSPNet, PSANet and ISANet of SSSegmentation and mmsegmentation: logits, losses of a few steps, first weights.

Settings: ``peer`` ('ssseg' or 'mmseg'), ``model``, ``depth`` (18 has a head of a quarter of the width, as
mmsegmentation's own ResNet-18 configurations), ``output_stride``, ``num_classes``, ``align_corners``, ``mask_size`` of
PSANet, and

* ``"action": "run"``: weights drawn by name from ``seed``; answers ``names`` of the state dict, ``logits_float64`` and
  ``logits_float32`` of ``image`` in eval mode at feature size, and the total ``losses`` of ``steps`` steps of SGD on
  ``images`` and ``labels``;
* ``"action": "initialise"``: the state of the heads as the peer builds them, ``draws`` times over, by name.
"""

import bootstrap  # noqa: I001  before the peers: see there

import numpy as np
import torch
from draw import draw_weight
from networks import PEERS


def run(settings, image, images, labels):
    peer = PEERS[settings["peer"]](settings)
    network = peer.network
    state = network.state_dict()
    weights = {name: torch.tensor(draw_weight(name, tuple(v.shape), settings["seed"])) for name, v in state.items()}
    network.load_state_dict(weights)
    network.eval()
    image = torch.tensor(image)
    with torch.no_grad():
        network.double()
        logits = {"logits_float64": peer.logits(image.double())}
        network.float()
        logits["logits_float32"] = peer.logits(image)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images, labels = torch.tensor(images), torch.tensor(labels)
    losses = []
    for _ in range(settings["steps"]):
        loss = peer.loss(images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"names": list(state), "losses": losses, **logits}


def initialise(settings):
    draws = {}
    for seed in range(settings["draws"]):
        torch.manual_seed(seed)
        for name, value in PEERS[settings["peer"]](settings).network.state_dict().items():
            if not name.startswith("backbone") and not name.endswith("num_batches_tracked"):
                draws.setdefault(name, []).append(value.numpy().ravel())
    return {name: np.stack(values) for name, values in draws.items()}


def main(settings, **arrays):
    return {"run": run, "initialise": initialise}[settings["action"]](settings, **arrays)


bootstrap.answer(main)
