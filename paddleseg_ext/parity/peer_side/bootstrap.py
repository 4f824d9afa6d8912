"""The start and the end of every script that runs in the peers' interpreter.

Importing this module makes the peers importable. ``answer`` then answers the calls of ``peer_process.PeerProcess``.

    import bootstrap                        # before mmseg and ssseg
    import mmseg

    def main(settings, image):              # the settings and the arrays of a call, by name
        return {"image": ...}               # arrays, or anything that numpy makes arrays of

    bootstrap.answer(main)

SSSegmentation and mmsegmentation import two modules that their environment does not have. Stand-ins replace them:

* ``mmcv._ext`` has the two functions of psamask, as plain torch indexing. Any other operator raises when it is called.
  mmcv-lite does not have the compiled module, but mmsegmentation needs it for its import.
* ``torchvision`` has names that raise when they are called. SSSegmentation imports some of them for SAM and MaskFormer.
"""

import importlib.machinery
import json
import os
import sys
import types
from typing import Any, Callable

import numpy as np
import torch


class _Absent(types.ModuleType):
    """A module from which any name can be imported. A call of that name raises."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def absent(*_, **__):
            raise NotImplementedError(f"{self.__name__}.{name} is not part of the peers' environment")

        absent.__name__ = absent.__qualname__ = name
        return absent


def _put(name):
    module = sys.modules[name] = _Absent(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    return module


def _cells(h_feature, w_feature, h_mask, w_mask, half_h_mask, half_w_mask):
    """Return the cell of p's mask that points at q, and whether there is one, for positions q and p: two (HW, HW)."""
    rows, columns = torch.arange(h_feature), torch.arange(w_feature)
    i = (rows[:, None] - rows[None, :] + half_h_mask)[:, None, :, None]
    j = (columns[:, None] - columns[None, :] + half_w_mask)[None, :, None, :]
    inside = (i >= 0) & (i < h_mask) & (j >= 0) & (j < w_mask)
    cell = torch.where(inside, i * w_mask + j, 0)
    positions = h_feature * w_feature
    return cell.reshape(positions, positions), inside.reshape(positions, positions)


def _psamask_forward(input, output, psa_type, num_, h_feature, w_feature, **mask):
    """Put every cell of ``input`` (N, mask, H, W) that falls on the map into ``output``, zeros (N, HW, H, W)."""
    cell, inside = _cells(h_feature, w_feature, **mask)
    positions = h_feature * w_feature
    by_other = input.reshape(num_, -1, positions).gather(1, cell.expand(num_, -1, -1)) * inside
    output.copy_((by_other if psa_type == 0 else by_other.transpose(1, 2)).reshape(output.shape))


def _psamask_backward(grad_output, grad_input, psa_type, num_, h_feature, w_feature, **mask):
    """The transpose of the forward: put the cells back into ``grad_input``, zeros (N, mask, H, W)."""
    cell, inside = _cells(h_feature, w_feature, **mask)
    positions = h_feature * w_feature
    by_other = grad_output.reshape(num_, positions, positions)
    by_other = by_other if psa_type == 0 else by_other.transpose(1, 2)
    grad_input.view(num_, -1, positions).scatter_add_(1, cell.expand(num_, -1, -1), by_other * inside)


_extension = _put("mmcv._ext")
_extension.psamask_forward = _psamask_forward
_extension.psamask_backward = _psamask_backward

for _name in ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms"):
    _put(_name)
_put("torchvision.transforms.functional")


def answer(function: Callable[..., dict[str, Any]]) -> None:
    """Answer calls until the input ends. Each line names two files of arrays: one to read and one to write."""
    # The peers print to standard output, too; only the replies below may reach the caller.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        question, reply = line.rstrip("\n").split("\t")
        with np.load(question) as arrays:
            inputs = dict(arrays)
        settings = json.loads(str(inputs.pop("settings")))
        np.savez(reply, **function(settings, **inputs))
        print("done", file=replies, flush=True)
