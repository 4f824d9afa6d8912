"""Files of the real torch.save, and what torch.load makes of a file.

Settings: ``write``, a path to save ``examples`` at, and ``legacy``; or ``load``, the path of any checkpoint. Answers
every tensor of the file by its place in it, with what numpy lacks (bfloat16) as float32, and under ``plain`` the
numbers and texts beside them as JSON.
"""

import bootstrap  # noqa: I001  before the peers: see there

import json
from collections import OrderedDict

import numpy as np
import torch

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
]
# torch writes these in its legacy format too, and cannot load them again.
ZIP_DTYPES = [torch.uint16, torch.uint32, torch.uint64]


def examples(legacy):
    dtypes = DTYPES if legacy else DTYPES + ZIP_DTYPES
    torch.manual_seed(0)
    base = torch.randn(6, 8)
    model = torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 4, 3), bn=torch.nn.BatchNorm2d(4)))
    optimizers = {
        "sgd": torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        "adam": torch.optim.AdamW([{"params": [p], "lr": 0.1} for p in model.parameters()], amsgrad=True),
    }
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    for optimizer in optimizers.values():
        optimizer.step()
    named = torch.zeros(2)
    named.note = "an attribute"
    return {
        "dtypes": {str(dtype): (torch.rand(3, 4) * 100).to(dtype) for dtype in dtypes},
        "views": {
            "base": base,
            "transposed": base.t(),
            "strided": base[1::2, 2:5],
            "row": base[3],
            "element": base[5, 7],
            "permuted": torch.randn(2, 3, 4, 5).permute(3, 1, 0, 2),
            "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
            "expanded": torch.ones(1, 3).expand(4, 3),
            "half of bfloat16": torch.randn(10).bfloat16()[5:],
        },
        "odd": [torch.tensor(3.5), torch.zeros(0), torch.zeros(2, 0, 3), torch.tensor(True), torch.tensor(5).short()],
        "parameters": (torch.nn.Parameter(base[0]), torch.nn.Buffer(base[1]), named),
        "state_dict": model.state_dict(),
        "modules": {"module." + name: value for name, value in model.state_dict().items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
        "meta": {"epoch": 7, "lr": 0.1, "classes": ("road", "Straße"), "none": None, "yes": True, "big": 1 << 70},
    }


def flatten(value, place, tensors, plain):
    if isinstance(value, dict):
        for key, inner in value.items():
            flatten(inner, f"{place}/{key}", tensors, plain)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            flatten(inner, f"{place}/{index}", tensors, plain)
    elif isinstance(value, torch.Tensor):
        value = value.detach()
        tensors[place] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    elif isinstance(value, (int, float, str, type(None))) and not isinstance(value, np.generic):
        plain[place] = value


def main(settings):
    path = settings.get("load") or settings["write"]
    if "write" in settings:
        torch.save(examples(settings["legacy"]), path, _use_new_zipfile_serialization=not settings["legacy"])
    tensors, plain = {}, {}
    flatten(torch.load(path, weights_only=False, map_location="cpu"), "", tensors, plain)
    return {"plain": json.dumps(plain), **{f"tensor:{place}": array for place, array in tensors.items()}}


bootstrap.answer(main)
