"""Repairs of PaddleSeg's losses."""

from paddleseg.models.losses import (
    binary_cross_entropy_loss,
    cross_entropy_loss,
    decoupledsegnet_relax_boundary_loss,
    dice_loss,
    gscnn_dual_task_loss,
    maskformer_loss,
    ohem_cross_entropy_loss,
    ohem_edge_attention_loss,
    point_cross_entropy_loss,
    rmi_loss,
)

from paddleseg_ext.compat.amend import amend
from paddleseg_ext.compat.repair import WRONG_RESULT, repair


@repair(
    fault="CrossEntropyLoss multiplies its float32 mask by int64 ones, and its int64 labels by the mask. With class "
    "weights and avg_non_ignore=False it also looks up the weight of the ignored label, which has none.",
    shows={"2.6.2": ValueError, "3.2.2": TypeError, "3.3.1": TypeError},
)
def cross_entropy_type_promotion() -> None:
    # Ignored pixels count in the average over all pixels, and no class gives their weight. They get the mean weight of
    # the classes, so that a factor common to all weights still cancels out.
    weighted = "coef = paddle.sum(_one_hot * self.weight, axis=-1)"
    amend(
        cross_entropy_loss.CrossEntropyLoss._post_process_loss,
        ("F.one_hot(label * mask, ", "F.one_hot(label * (label != self.ignore_index).astype(label.dtype), "),
        (weighted, weighted + "\n        if not self.avg_non_ignore:\n"
         "            coef = paddle.where(label == self.ignore_index, self.weight.mean(), coef)"),
        ("coef = paddle.ones_like(label)", "coef = paddle.ones_like(mask)"),
    )  # fmt: skip


@repair(
    fault="OhemCrossEntropyLoss and OhemEdgeAttentionLoss add an int64 mask to float32 probabilities.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def ohem_type_promotion() -> None:
    for loss in (ohem_cross_entropy_loss.OhemCrossEntropyLoss, ohem_edge_attention_loss.OhemEdgeAttentionLoss):
        amend(loss.forward, ("prob + (1 - valid_mask)", "prob + (1 - valid_mask).astype(prob.dtype)"))


@repair(
    fault="DualTaskLoss (GSCNN) multiplies logits, labels and loss by a boolean mask.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def dual_task_type_promotion() -> None:
    amend(
        gscnn_dual_task_loss.DualTaskLoss.forward,
        ("logit = logit * mask", "logit = logit * mask.astype(logit.dtype)"),
        ("labels = labels * mask", "labels = labels * mask.astype(labels.dtype)"),
        ("loss = loss * mask", "loss = loss * mask.astype(loss.dtype)"),
    )


@repair(
    fault="RelaxBoundaryLoss (DecoupledSegNet) multiplies int64 one-hot labels by float32 probabilities. Where Paddle "
    "allows it, the product is an integer and the gradient is zero.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": TypeError, "3.3.1": TypeError},
)
def relax_boundary_type_promotion() -> None:
    amend(
        decoupledsegnet_relax_boundary_loss.RelaxBoundaryLoss.relax_onehot,
        ("(onehot > 0).astype('int64')", "(onehot > 0).astype('float32')"),
    )


@repair(
    fault="RMILoss multiplies labels and probabilities by a boolean mask.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def rmi_type_promotion() -> None:
    amend(
        rmi_loss.RMILoss.forward_sigmoid,
        ("label_mask_3D = labels_4D != self.ignore_index",
         "label_mask_3D = (labels_4D != self.ignore_index).astype('float32')"),
    )  # fmt: skip


@repair(
    fault="PointCrossEntropyLoss (PointRend) multiplies a float32 mask by int64 ones, and its loss by an int64 index.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def point_loss_type_promotion() -> None:
    amend(
        point_cross_entropy_loss.PointCrossEntropyLoss.forward,
        ("else:\n        coef = paddle.ones_like(label)", "else:\n        coef = paddle.ones_like(mask)"),
        ("loss * _one_hot_weight.argmax(-1)", "loss * _one_hot_weight.argmax(-1).astype(loss.dtype)"),
    )


@repair(
    fault="BCELoss passes the weight of its positive class to a function of Paddle that computes another loss from it.",
    shows={"2.6.2": WRONG_RESULT},
)
def binary_loss_positive_weight() -> None:
    # The labels of this loss are 0 or 1, so the weight of a positive pixel multiplies its loss.
    amend(
        binary_cross_entropy_loss.BCELoss.forward,
        (",\n        pos_weight=pos_weight)", ")"),
        ("loss = loss * mask", "loss = loss * mask * (1 if pos_weight is None else label * (pos_weight - 1) + 1)"),
    )


@repair(
    fault="DiceLoss writes class 0 over the ignored pixels of the caller's labels. Every loss that is computed after "
    "it, such as the second one of MixedLoss, learns from these pixels.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": WRONG_RESULT, "3.3.1": WRONG_RESULT},
)
def dice_loss_keeps_labels() -> None:
    amend(
        dice_loss.DiceLoss.forward,
        ("labels[labels == self.ignore_index] = 0",
         "labels = paddle.where(labels == self.ignore_index, paddle.zeros_like(labels), labels)"),
    )  # fmt: skip


@repair(
    fault="MaskFormerLoss gathers boolean masks. Paddle 2.6 has no CPU kernel for that.",
    shows={"2.6.2": RuntimeError},
)
def maskformer_gather() -> None:
    change = ("paddle.cast(item['masks'], 'bool')", "(item['masks'] != 0).astype('int32')")
    amend(maskformer_loss.MaskFormerLoss.forward, change)
