"""The peer's side of a comparison, in SSSegmentation or mmsegmentation.

``our_side.default_settings`` describes the settings, and ``our_side.run`` describes the answer. ``names`` are those of
the state dict.
"""

import bootstrap  # noqa: I001  before the peers: see there

from typing import Any

import numpy as np
import torch
from mmseg.evaluation import IoUMetric
from networks import PEERS
from ssseg.modules.datasets.pipelines import Evaluation

from draw import checksum, draw_batch, draw_calibrated


def metric(settings: dict[str, Any], logits: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    """The peer's own metrics, as shares of one, of the logits resized to the labels."""
    align_corners, classes = settings["align_corners"], settings["num_classes"]
    size = tuple(labels.shape[1:])
    resized = torch.nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)
    predictions = resized.argmax(1)
    if settings["peer"] == "mmseg":
        areas = []
        for prediction, label in zip(predictions, labels):
            areas.append(IoUMetric.intersect_and_union(prediction, label, classes, 255))
        found = IoUMetric.total_area_to_metrics(*(sum(area) for area in zip(*areas)), ["mIoU"])
        iou, accuracy = found["IoU"], found["aAcc"]
    else:
        # ssseg/test.py does this before it counts.
        targets = torch.where(labels >= classes, -1, labels)
        found = Evaluation(list(predictions.numpy()), list(targets.numpy()), classes, ignore_index=-1)
        found = found.all_metric_results
        iou, accuracy = found["iou"], found["all_accuracy"]
    return {"class_iou": np.asarray(iou), "miou": np.mean(iou), "accuracy": accuracy}


def as_paddle_keeps(constant: float) -> float:
    """``constant`` rounded to float32.

    Paddle keeps momentum, weight decay and the epsilon of batch normalization in float32, even for float64 weights.
    Both sides must use the same numbers: in twenty steps, a relative difference of 3e-8 grows to a thousandth of the
    loss.
    """
    return float(np.float32(constant))


def batch(settings: dict[str, Any], count: int, seed: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = draw_batch(seed, count, settings["size"], settings["num_classes"])
    return torch.from_numpy(images).to(dtype), torch.from_numpy(labels)


def train(peer: Any, settings: dict[str, Any], dtype: torch.dtype) -> np.ndarray:
    """The loss of each iteration of SGD."""
    optimizer = torch.optim.SGD(
        peer.network.parameters(), lr=0.01, momentum=as_paddle_keeps(0.9), weight_decay=as_paddle_keeps(5e-4)
    )
    losses = []
    for step in range(settings["iterations"]):
        number = settings["seed"] + step % settings["training_batches"]
        loss = peer.loss(*batch(settings, settings["training_batch"], number, dtype))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def run(peer: Any, settings: dict[str, Any], weights: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, Any]:
    """``{step/entry: value}`` in one dtype."""
    steps, seed, found = settings["steps"], settings["seed"], {}
    network = peer.network.to(dtype)
    network.load_state_dict(weights)
    if "forward" in steps or "metric" in steps:
        network.eval()
        images, labels = batch(settings, settings["batch"], seed, dtype)
        with torch.no_grad():
            logits = peer.logits(images)
        if "forward" in steps:
            found["forward/logits"] = logits
        if "metric" in steps:
            found.update((f"metric/{name}", value) for name, value in metric(settings, logits, labels).items())
    network.train()
    if "loss" in steps or "backward" in steps:
        loss = peer.loss(*batch(settings, settings["training_batch"], seed, dtype))
        if "loss" in steps:
            found["loss/total"] = loss.detach()
    if "backward" in steps:
        network.zero_grad()
        loss.backward()
        for name, parameter in network.named_parameters():
            found[f"backward/gradient_norm.{name}"] = parameter.grad.double().norm()
        for name, value in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                found[f"backward/{name}"] = value.clone()
    if "train" in steps:
        network.load_state_dict(weights)
        found["train/losses"] = train(peer, settings, dtype)
    return found


def main(settings: dict[str, Any]) -> dict[str, Any]:
    peer = PEERS[settings["peer"]](settings)
    for module in peer.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = as_paddle_keeps(module.eps)
    state = peer.network.state_dict()
    drawn = {name: draw_calibrated(name, tuple(value.shape), settings["seed"]) for name, value in state.items()}
    weights = {name: torch.tensor(value) for name, value in drawn.items()}
    answer = {"names": list(state), "checksum": checksum(drawn)}
    for dtype in settings["dtypes"]:
        for name, value in run(peer, settings, weights, getattr(torch, dtype)).items():
            answer[f"{dtype}/{name}"] = value.numpy() if torch.is_tensor(value) else value
    return answer


bootstrap.answer(main)
