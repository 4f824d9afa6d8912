"""mmcv's PSAMask, forward and backward."""

import bootstrap
import torch
from mmcv.ops import PSAMask


def main(settings, values, grad):
    mask = PSAMask(settings["psa_type"], tuple(settings["mask_size"]))
    values = torch.tensor(values, requires_grad=True)
    output = mask(values)
    output.backward(torch.tensor(grad))
    return {"output": output.detach(), "grad": values.grad}


bootstrap.answer(main)
