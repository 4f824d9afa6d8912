"""The peers' cross entropy and its gradient."""

import bootstrap  # noqa: I001  before the peers: see there

import torch
from mmseg.models.losses import CrossEntropyLoss as Mmseg
from ssseg.modules.models.losses.crossentropyloss import CrossEntropyLoss as Ssseg


def main(settings, logits, labels):
    logits, labels = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(labels)
    weight = settings["weight"]
    if settings["peer"] == "mmseg":
        # The ignored label is an argument of the call, as decode heads make it.
        criterion = Mmseg(avg_non_ignore=settings["avg_non_ignore"], class_weight=weight)
        loss = criterion(logits, labels, ignore_index=255)
    else:
        # Its data sets turn the ignored label into -100.
        criterion = Ssseg(ignore_index=-100, class_weight=weight)
        loss = criterion(logits, torch.where(labels == 255, -100, labels))
    loss.backward()
    return {"loss": loss.detach(), "gradient": logits.grad}


bootstrap.answer(main)
