"""Our side of a comparison, with the models, losses and metrics that a YAML would name."""

from typing import Any

import numpy as np
import paddle
from paddleseg.models import CrossEntropyLoss
from paddleseg.utils import metrics

from paddleseg_ext.backbones import ResNet18_v1c, ResNet50_v1c, ResNet101_v1c
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from paddleseg_ext.models.resize import resize
from paddleseg_ext.parity.peer_side.draw import checksum, draw_batch, draw_calibrated

# The order is that of Paddle's guide to reproducing a paper.
STEPS = ("forward", "metric", "loss", "backward", "train")
BACKBONES = {18: ResNet18_v1c, 50: ResNet50_v1c, 101: ResNet101_v1c}
MODELS = ("pspnet", "psanet", "isanet")
Arrays = dict[str, np.ndarray]
Tensors = dict[str, paddle.Tensor]


def default_settings(**changes: Any) -> dict[str, Any]:
    """Return the settings of a comparison, for both sides. They are JSON; ``peer`` and ``model`` have no default.

    Settings:
        depth, output_stride: The depth and the output stride of the ResNet.
        size, mask_size: (height, width) of the images and of PSANet's mask.
        align_corners, num_classes, dropout: Arguments of the model.
        base_channels: Width of the ResNet's first stage, 64 as published.
        seed: The seed of weights and batches.
        batch: Images per batch in the forward and metric steps.
        training_batch: Images per batch in the other steps.
        iterations: The number of iterations in the train step.
        training_batches: The number of different batches of the train step, which takes them in turn.
        dtypes, steps: The precisions and the steps to compute.
    """
    return {
        "depth": 18,
        "output_stride": 8,
        "size": [65, 97],
        "mask_size": [97, 97],
        "align_corners": False,
        "num_classes": 19,
        "seed": 5,
        "batch": 2,
        "training_batch": 4,
        "iterations": 20,
        "training_batches": 20,
        "base_channels": 64,
        "dtypes": ["float32", "float64"],
        "steps": list(STEPS),
        "dropout": 0.0,
        **changes,
    }


def build(settings: dict[str, Any]) -> paddle.nn.Layer:
    """Return our model in the peer's layout, with the widths of the peer's model in ``peer_side/networks.py``."""
    depth, peer, width = settings["depth"], settings["peer"], settings["base_channels"]
    backbone = BACKBONES[depth](output_stride=settings["output_stride"], base_channels=width)
    auxiliary, main = backbone.feat_channels[2:]
    arguments = {
        "layout": peer,
        "align_corners": settings["align_corners"],
        "dropout": settings["dropout"],
        "aux_channels": auxiliary // (2 if peer == "ssseg" and depth > 18 else 4),
    }
    classes = settings["num_classes"]
    if settings["model"] == "pspnet":
        return PSPNet(classes, backbone, pp_out_channels=main // 4, **arguments)
    if settings["model"] == "isanet":
        return ISANet(classes, backbone, isa_channels=main // 8, **arguments)
    return PSANet(classes, backbone, mask_size=settings["mask_size"], feats_channels=main // 4, **arguments)


def run(settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """Compute the steps and dtypes of ``settings`` (see ``default_settings``).

    Returns:
        ``{dtype/step/entry: array}``, the parameters' ``names`` and the weights' ``checksum``. Names are the peer's.
        The entries are:

        * ``forward/logits``: in eval mode, at feature size.
        * ``metric/class_iou``, ``metric/miou``, ``metric/accuracy``: of these logits.
        * ``loss/total``: of one batch, in training mode.
        * ``backward/gradient_norm.NAME`` of every parameter and ``backward/NAME`` of every running statistic, after
          this batch.
        * ``train/losses``: of each iteration of SGD (learning rate 0.01, momentum 0.9, weight decay 5e-4). The first
          iteration takes this batch.
    """
    model = build(settings)
    peer = IMPLEMENTATIONS[settings["peer"]]
    tensors = {their_name(name, peer, settings["model"]): t for name, t in model.state_dict().items()}
    drawn = {name: draw_calibrated(name, tuple(t.shape), settings["seed"]) for name, t in tensors.items()}
    answer = {"names": np.array(list(tensors)), "checksum": np.array(checksum(drawn))}
    for dtype in settings["dtypes"]:
        model.to(dtype=dtype)
        for name, value in _run(model, tensors, drawn, settings, dtype).items():
            answer[f"{dtype}/{name}"] = np.asarray(value)
    return answer


def _run(
    model: paddle.nn.Layer, tensors: Tensors, drawn: Arrays, settings: dict[str, Any], dtype: str
) -> dict[str, Any]:
    steps, seed = settings["steps"], settings["seed"]
    found: dict[str, Any] = {}
    _set(tensors, drawn, dtype)
    if "forward" in steps or "metric" in steps:
        model.eval()
        images, labels = _batch(settings, settings["batch"], seed, dtype)
        with paddle.no_grad():
            (logits,) = model.feature_logits(images)
        if "forward" in steps:
            found["forward/logits"] = logits.numpy()
        if "metric" in steps:
            found.update((f"metric/{name}", value) for name, value in _metric(settings, logits, labels).items())
    model.train()
    if "loss" in steps or "backward" in steps:
        loss = _loss(model, settings, *_batch(settings, settings["training_batch"], seed, dtype))
        found["loss/total"] = loss.numpy()
        if "backward" in steps:
            loss.backward()
            found.update(_after_backward(tensors))
            model.clear_gradients()
        if "loss" not in steps:
            del found["loss/total"]
    if "train" in steps:
        _set(tensors, drawn, dtype)
        found["train/losses"] = _train(model, settings, dtype)
    return found


def _set(tensors: Tensors, drawn: Arrays, dtype: str) -> None:
    for name, tensor in tensors.items():
        tensor.set_value(drawn[name].astype(dtype))


def _batch(settings: dict[str, Any], count: int, seed: int, dtype: str) -> tuple[paddle.Tensor, paddle.Tensor]:
    images, labels = draw_batch(seed, count, settings["size"], settings["num_classes"])
    return paddle.to_tensor(images.astype(dtype)), paddle.to_tensor(labels)


def _loss(
    model: paddle.nn.Layer, settings: dict[str, Any], images: paddle.Tensor, labels: paddle.Tensor
) -> paddle.Tensor:
    """Return the main loss plus 0.4 times the auxiliary loss.

    SSSegmentation averages over the pixels that are not ignored, mmsegmentation over all pixels. PaddleSeg's loss
    computes the share of pixels that are not ignored in float32. For float64 the loss is averaged over all pixels,
    which is exact, and divided by the share here.
    """
    valid, exact = settings["peer"] == "ssseg", images.dtype == paddle.float64
    criterion = CrossEntropyLoss(ignore_index=255, avg_non_ignore=valid and not exact)
    main, auxiliary = model(images)
    loss = criterion(main, labels) + 0.4 * criterion(auxiliary, labels)
    return loss / (labels != 255).astype("float64").mean() if valid and exact else loss


def _metric(settings: dict[str, Any], logits: paddle.Tensor, labels: paddle.Tensor) -> dict[str, Any]:
    """Return PaddleSeg's metrics of the logits, resized to the size of the labels."""
    predictions = paddle.argmax(resize(logits, labels.shape[1:], settings["align_corners"]), axis=1, dtype="int32")
    areas = metrics.calculate_area(predictions, labels.astype("int32"), settings["num_classes"], 255)
    class_iou, miou = metrics.mean_iou(*areas)
    accuracy = metrics.class_measurement(*areas)[0]
    return {"class_iou": class_iou, "miou": miou, "accuracy": accuracy}


def _after_backward(tensors: Tensors) -> dict[str, Any]:
    found = {}
    for name, tensor in tensors.items():
        if name.endswith(("running_mean", "running_var")):
            found[f"backward/{name}"] = tensor.numpy().copy()
        else:
            found[f"backward/gradient_norm.{name}"] = np.linalg.norm(tensor.grad.numpy().astype("float64"))
    return found


def _train(model: paddle.nn.Layer, settings: dict[str, Any], dtype: str) -> np.ndarray:
    optimizer = paddle.optimizer.Momentum(
        0.01, 0.9, parameters=model.parameters(), weight_decay=paddle.regularizer.L2Decay(5e-4)
    )
    losses = []
    for step in range(settings["iterations"]):
        number = settings["seed"] + step % settings["training_batches"]
        loss = _loss(model, settings, *_batch(settings, settings["training_batch"], number, dtype))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return np.array(losses)
