"""Losses, each in a use that shows the fault of an unrepaired paddleseg."""

import numpy as np
import paddle
from paddleseg.models import losses
from paddleseg.models.losses.rmi_loss import RMILoss

from tests.compat.provocation import provocation

CLASSES = 3


def scores(channels: int = CLASSES, seed: int = 0) -> paddle.Tensor:
    """Logits (2, channels, 16, 16)."""
    values = np.random.RandomState(seed).randn(2, channels, 16, 16).astype("float32")
    return paddle.to_tensor(values, stop_gradient=False)


def labels(classes: int = CLASSES) -> paddle.Tensor:
    """Labels (2, 16, 16) in blocks, with ignored rows."""
    label = np.random.RandomState(1).randint(0, classes, (2, 4, 4)).repeat(4, 1).repeat(4, 2)
    label[:, :2] = 255
    return paddle.to_tensor(label)


def learns(loss: paddle.nn.Layer, *arguments) -> float:
    """The loss, which must be finite and must have a gradient."""
    value = loss(*arguments)
    value.backward()
    inputs = arguments[0] if isinstance(arguments[0], tuple) else arguments[:1]
    assert any(item.grad is not None and float(item.grad.abs().sum()) > 0 for item in inputs), "no gradient"
    assert np.isfinite(float(value))
    return float(value)


@provocation
def test_cross_entropy_type_promotion() -> None:
    plain = learns(losses.CrossEntropyLoss(), scores(), labels())
    weighted = learns(losses.CrossEntropyLoss(weight=[2.0, 2.0, 2.0]), scores(), labels())
    assert abs(weighted - plain) < 1e-5  # a common factor cancels out
    learns(losses.CrossEntropyLoss(weight=[1.0, 2.0, 3.0], top_k_percent_pixels=0.5), scores(), labels())
    teacher = scores(seed=5)
    value = losses.DistillCrossEntropyLoss()(scores(), teacher, labels())
    assert np.isfinite(float(value))
    # Averaged over all pixels: the ignored ones, two rows of sixteen, add nothing to the sum.
    over_all = learns(losses.CrossEntropyLoss(avg_non_ignore=False), scores(), labels())
    assert abs(over_all - plain * 14 / 16) < 1e-5
    weighted = learns(losses.CrossEntropyLoss(weight=[2.0, 2.0, 2.0], avg_non_ignore=False), scores(), labels())
    assert abs(weighted - over_all) < 1e-5
    learns(losses.CrossEntropyLoss(weight=[1.0, 2.0, 3.0], avg_non_ignore=False), scores(), labels())


@provocation
def test_ohem_type_promotion() -> None:
    learns(losses.OhemCrossEntropyLoss(min_kept=20), scores(), labels())
    edges = paddle.to_tensor(np.random.RandomState(2).rand(2, 1, 16, 16).astype("float32"))
    loss = losses.OhemEdgeAttentionLoss(edge_threshold=0.1, min_kept=20)
    learns(loss, (scores(), edges), labels())


@provocation
def test_dual_task_type_promotion() -> None:
    learns(losses.DualTaskLoss(), scores(), labels())


@provocation
def test_relax_boundary_type_promotion() -> None:
    learns(losses.RelaxBoundaryLoss(), scores(), labels())
    label = paddle.arange(2 * 16 * 16).reshape([2, 16, 16]) // 64 % CLASSES
    right = paddle.nn.functional.one_hot(label, CLASSES).transpose([0, 3, 1, 2]) * 50.0
    assert abs(float(losses.RelaxBoundaryLoss()(right, label))) < 1e-3


@provocation
def test_rmi_type_promotion() -> None:
    for way in (0, 1, 2):
        learns(RMILoss(num_classes=CLASSES, rmi_pool_way=way), scores(), labels())


@provocation
def test_point_loss_type_promotion() -> None:
    points = paddle.to_tensor(np.random.RandomState(3).rand(2, 30, 2).astype("float32"))
    logits = paddle.to_tensor(np.random.RandomState(4).randn(2, CLASSES, 30).astype("float32"), stop_gradient=False)
    learns(losses.PointCrossEntropyLoss(), (logits, points), labels())
    weighted = losses.PointCrossEntropyLoss(weight=[1.0, 2.0, 3.0])
    learns(weighted, (logits, points), labels() % 255)


@provocation
def test_binary_loss_positive_weight() -> None:
    logits = scores(1)
    edges = paddle.to_tensor((np.random.RandomState(2).rand(2, 1, 16, 16) > 0.7).astype("int64"))
    x, y = logits.numpy().astype("float64"), edges.numpy()
    expected = np.mean(np.where(y == 1, 3.0 * np.log1p(np.exp(-x)), np.log1p(np.exp(x))))
    assert abs(learns(losses.BCELoss(pos_weight=3.0), logits, edges) - expected) < 1e-5
    learns(losses.BCELoss(weight="dynamic", pos_weight="dynamic"), scores(1), edges)


@provocation
def test_dice_loss_keeps_labels() -> None:
    label = labels()
    before = label.numpy().copy()
    losses.DiceLoss()(scores(), label)
    assert (label.numpy() == before).all(), "labels changed"


@provocation
def test_maskformer_gather() -> None:
    draw = np.random.RandomState(0)
    outputs = {
        "pred_logits": paddle.to_tensor(draw.randn(2, 6, CLASSES + 1).astype("float32"), stop_gradient=False),
        "pred_masks": paddle.to_tensor(draw.randn(2, 6, 4, 4).astype("float32"), stop_gradient=False),
    }
    target = {"gt_classes": [[0, 2, 255], [1, 255, 255]], "gt_masks": draw.randint(0, 2, (2, 3, 16, 16))}
    target = {key: paddle.to_tensor(item) for key, item in target.items()}
    loss = losses.MaskFormerLoss(num_classes=CLASSES)(outputs, target)
    loss.backward()
    assert np.isfinite(float(loss)) and float(outputs["pred_masks"].grad.abs().sum()) > 0
