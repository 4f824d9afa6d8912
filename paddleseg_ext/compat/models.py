"""Repairs of paddleseg 2.8.0, the newest release on PyPI, for the Paddle releases that pip installs today.

This is the only module that touches paddleseg from outside. Each function repairs one fault; its docstring names
the fault, then the Paddle releases (of 2.6.2, 3.2.2 and 3.3.1) that show it and the test that pins it.

Most faults are one expression inside an otherwise sound function, so most repairs replace that expression and
nothing else (``_amend``): whatever else the function does stays PaddleSeg's. It is done in place, so it does not
matter how, or how early, a program imported the function. Where the expression is not found, paddleseg is not the
2.8.0 release, and the function is left as it is.
"""

import importlib.machinery
import importlib.util
import inspect
import linecache
import sys
import textwrap
import warnings
from types import FunctionType, ModuleType
from typing import Callable

import numpy as np
import paddle
import paddle.nn.functional as F
from paddleseg import core
from paddleseg.datasets import ade
from paddleseg.models import (
    decoupled_segnet,
    dnlnet,
    emanet,
    espnetv1,
    isanet,
    knet,
    layers,
    maskformer,
    pointrend,
    sfnet,
    upernet_cae,
)
from paddleseg.models.backbones import cae, hrformer, mscan, swin_transformer, vision_transformer, vit_adapter
from paddleseg.models.layers import ms_deformable_attention, vit_adapter_layers
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
from paddleseg.transforms import transforms
from paddleseg.utils import metrics

# Kept from the time before paddleseg_ext.engine puts its own loop in this place.
_original_train = core.train


def apply() -> None:
    """Repair paddleseg. Calling it again changes nothing."""
    for repair in REPAIRS:
        repair()


def original_train() -> Callable:
    """PaddleSeg's own ``core.train.train``, with its faults repaired and nothing else changed."""
    return _original_train


def _amend(function: FunctionType, *changes: tuple[str, str]) -> None:
    """Replace expressions in ``function``, in place: each change is (text of its source, text to put there).

    Globals, defaults, closure (so ``super()`` works) and identity stay, and the new source can be read back, which
    ``paddle.jit.to_static`` needs. A function in which any of the texts is missing is left alone, and so is one
    amended before.
    """
    filename = f"<paddleseg_ext.compat: {function.__module__}.{function.__qualname__}>"
    source = textwrap.dedent(inspect.getsource(function))
    if function.__code__.co_filename == filename or not all(wrong in source for wrong, _ in changes):
        return
    for wrong, right in changes:
        source = source.replace(wrong, right)
    # The function's free variables become parameters of one around it, so that its code refers to them as cells.
    free = function.__code__.co_freevars
    source = f"def around({', '.join(free)}):\n{textwrap.indent(source, '    ')}\n    return {function.__name__}\n"
    scope: dict = {}
    with warnings.catch_warnings():
        # PaddleSeg's docstrings hold escapes that Python 3.12 warns of, and these are not the user's.
        warnings.simplefilter("ignore")
        code = compile(source, filename, "exec")
    exec(code, function.__globals__, scope)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    function.__code__ = scope["around"](*free).__code__


# Training --------------------------------------------------------------------------------------------------------


def cross_entropy_type_promotion() -> None:
    """``CrossEntropyLoss`` multiplies its float32 mask by int64 ones, and its labels by the float32 mask.

    With class weights and ``avg_non_ignore=False`` it also looks up the weight of the ignored label. Its pixels count
    in that average, and no class says how much: here, as much as the classes do on average, so that a factor common to
    all weights still cancels out.

    Shows on: 2.6.2 (ValueError), 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    weighted = "coef = paddle.sum(_one_hot * self.weight, axis=-1)"
    _amend(
        cross_entropy_loss.CrossEntropyLoss._post_process_loss,
        ("F.one_hot(label * mask, ", "F.one_hot(label * (label != self.ignore_index).astype(label.dtype), "),
        (weighted, weighted + "\n        if not self.avg_non_ignore:\n"
         "            coef = paddle.where(label == self.ignore_index, self.weight.mean(), coef)"),
        ("coef = paddle.ones_like(label)", "coef = paddle.ones_like(mask)"),
    )  # fmt: skip


def ohem_type_promotion() -> None:
    """Both OHEM losses add an int64 mask to float32 probabilities.

    Shows on: 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    for loss in (ohem_cross_entropy_loss.OhemCrossEntropyLoss, ohem_edge_attention_loss.OhemEdgeAttentionLoss):
        _amend(loss.forward, ("prob + (1 - valid_mask)", "prob + (1 - valid_mask).astype(prob.dtype)"))


def dual_task_type_promotion() -> None:
    """``DualTaskLoss``, of GSCNN, multiplies logits, labels and loss by a boolean mask.

    Shows on: 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    _amend(
        gscnn_dual_task_loss.DualTaskLoss.forward,
        ("logit = logit * mask", "logit = logit * mask.astype(logit.dtype)"),
        ("labels = labels * mask", "labels = labels * mask.astype(labels.dtype)"),
        ("loss = loss * mask", "loss = loss * mask.astype(loss.dtype)"),
    )


def relax_boundary_type_promotion() -> None:
    """``RelaxBoundaryLoss``, of DecoupledSegNet, multiplies int64 one-hot labels by float32 probabilities.

    Shows on: 2.6.2 (integer products, so the gradient is zero), 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    _amend(
        decoupledsegnet_relax_boundary_loss.RelaxBoundaryLoss.relax_onehot,
        ("(onehot > 0).astype('int64')", "(onehot > 0).astype('float32')"),
    )


def rmi_type_promotion() -> None:
    """``RMILoss`` multiplies labels and probabilities by a boolean mask.

    Shows on: 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    _amend(
        rmi_loss.RMILoss.forward_sigmoid,
        ("label_mask_3D = labels_4D != self.ignore_index",
         "label_mask_3D = (labels_4D != self.ignore_index).astype('float32')"),
    )  # fmt: skip


def point_loss_type_promotion() -> None:
    """``PointCrossEntropyLoss``, of PointRend, multiplies a float32 mask by int64 ones, and its loss by an int64 index.

    Shows on: 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    _amend(
        point_cross_entropy_loss.PointCrossEntropyLoss.forward,
        ("else:\n        coef = paddle.ones_like(label)", "else:\n        coef = paddle.ones_like(mask)"),
        ("loss * _one_hot_weight.argmax(-1)", "loss * _one_hot_weight.argmax(-1).astype(loss.dtype)"),
    )


def binary_loss_positive_weight() -> None:
    """``BCELoss`` hands its weight of the positive class to a Paddle function that computes another number from it.

    With hard labels, which this loss has, a positive pixel's weight simply multiplies its loss.

    Shows on: 2.6.2 (wrong loss). Pinned by: tests/compat.
    """
    _amend(
        binary_cross_entropy_loss.BCELoss.forward,
        (",\n        pos_weight=pos_weight)", ")"),
        ("loss = loss * mask", "loss = loss * mask * (1 if pos_weight is None else label * (pos_weight - 1) + 1)"),
    )


def dice_loss_keeps_labels() -> None:
    """``DiceLoss`` writes class 0 over the ignored pixels of the labels it is given, so that every loss computed after
    it, in ``MixedLoss`` for one, learns from them.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (wrong labels). Pinned by: tests/compat.
    """
    _amend(
        dice_loss.DiceLoss.forward,
        ("labels[labels == self.ignore_index] = 0",
         "labels = paddle.where(labels == self.ignore_index, paddle.zeros_like(labels), labels)"),
    )  # fmt: skip


def zero_dimensional_loss() -> None:
    """The training loop takes element 0 of each loss for its log, but losses have no dimensions any more.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (IndexError). Pinned by: tests/compat.
    """
    _amend(_original_train, ("l[0] / log_iters", "float(l) / log_iters"))


# Evaluation ------------------------------------------------------------------------------------------------------


def area_in_one_pass() -> None:
    """``metrics.calculate_area`` concatenates 0-D tensors, passes over the image nine times for every class, and
    counts a label that is to be ignored when its number is also that of a class.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (ValueError). Pinned by: tests/compat; benchmarks/calculate_area.py has the times.
    """
    metrics.calculate_area = calculate_area


def calculate_area(
    pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore_index: int = 255
) -> tuple[paddle.Tensor, paddle.Tensor, paddle.Tensor]:
    """Count the pixels of each class.

    Pixels whose label is ``ignore_index`` count nowhere. A label outside the classes matches no class, but what is
    predicted there still counts as predicted, as it always did in PaddleSeg.

    Args:
        pred: class predicted for each pixel, integers, (N, 1, H, W) or (N, H, W).
        label: true class of each pixel, integers, of the same shape, with or without the channel axis.
        num_classes: classes are 0 to ``num_classes - 1``.
        ignore_index: label of the pixels to leave out; it may lie inside or outside the classes, or be negative.

    Returns:
        Three int64 tensors of shape (num_classes,): pixels where prediction and label agree, pixels predicted to be
        of the class, pixels labelled so.

    Raises:
        ValueError: the shapes differ.
    """
    if len(pred.shape) == 4:
        pred = paddle.squeeze(pred, axis=1)
    if len(label.shape) == 4:
        label = paddle.squeeze(label, axis=1)
    if list(pred.shape) != list(label.shape):
        raise ValueError(f"Shape of `pred` and `label` should be equal, but they are {pred.shape} and {label.shape}.")
    count = _pair_counts_numpy if pred.place.is_cpu_place() else _pair_counts_paddle
    pairs = count(pred, label, num_classes, ignore_index)
    classes = pairs[:num_classes, :num_classes]
    return paddle.diagonal(classes), pairs[:, :num_classes].sum(axis=0), pairs[:num_classes].sum(axis=1)


# Both count (label, prediction) pairs into a matrix of one row per class and one for labels that are no class, and
# one column per class and one for predictions that are none. A further row, dropped in the end, takes what is ignored.


def _pair_counts_paddle(pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore: int) -> paddle.Tensor:
    side = num_classes + 1
    outside = paddle.full([1], num_classes, "int64")
    pred, label = pred.flatten().astype("int64"), label.flatten().astype("int64")
    column = paddle.where((pred >= 0) & (pred < num_classes), pred, outside)
    row = paddle.where((label >= 0) & (label < num_classes), label, outside)
    row = paddle.where(label == ignore, outside + 1, row)
    pairs = paddle.bincount(row * side + column, minlength=(side + 1) * side)
    return pairs.reshape([side + 1, side])[:side]


def _pair_counts_numpy(pred: paddle.Tensor, label: paddle.Tensor, num_classes: int, ignore: int) -> paddle.Tensor:
    side = num_classes + 1
    pred, label = pred.numpy().ravel(), label.numpy().ravel()
    pairs = np.zeros((side + 1) * side, np.int64)
    block = 1 << 15  # pixels; what one turn of the loop touches then stays in a core's cache
    for start in range(0, label.size, block):
        part = label[start : start + block]
        cell = _clip(part, num_classes)
        np.putmask(cell, part == ignore, side)
        cell *= side
        cell += _clip(pred[start : start + block], num_classes)
        pairs += np.bincount(cell, minlength=pairs.size)
    return paddle.to_tensor(pairs.reshape(side + 1, side)[:side])


def _clip(values: np.ndarray, top: int) -> np.ndarray:
    """A new int64 array, with ``top`` for every value that is negative or above it."""
    unsigned = values.view(f"u{values.itemsize}")  # where every negative value is a large one
    top = unsigned.dtype.type(min(top, np.iinfo(unsigned.dtype).max))
    clipped = np.minimum(unsigned, top)
    return clipped.view(np.int64) if clipped.itemsize == 8 else clipped.astype(np.int64)


# Data ------------------------------------------------------------------------------------------------------------


def category_ratio_crop() -> None:
    """``RandomPaddingCrop(category_max_ratio=...)`` replaces the image by the crop of its label, or leaves it uncropped
    beside a cropped label when no draw passes.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (wrong data). Pinned by: tests/compat.
    """
    _amend(
        transforms.RandomPaddingCrop.__call__,
        ("                data['img'] = seg_temp\n", ""),
        ("    else:\n        data['img'] = functional.crop(", "    data['img'] = functional.crop("),
    )


def scale_padding_labels() -> None:
    """``ScalePadding`` resizes labels by cubic interpolation, which invents classes along every border.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (wrong labels). Pinned by: tests/compat.
    """
    _amend(
        transforms.ScalePadding.__call__,
        ("data['label'], self.target_size, interp=cv2.INTER_CUBIC",
         "data['label'], self.target_size, interp=cv2.INTER_NEAREST"),
    )  # fmt: skip


def resize_by_short_remembers() -> None:
    """``ResizeByShort`` keeps the smaller size that one long image needed, for every image after it.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (wrong size). Pinned by: tests/compat.
    """
    _amend(
        transforms.ResizeByShort.__call__,
        ("def __call__(self, data):\n", "def __call__(self, data):\n    short_size = self.short_size\n"),
        ("self.short_size = int(", "short_size = int("),
        ("data['img'], self.short_size", "data['img'], short_size"),
        ("data[key], self.short_size", "data[key], short_size"),
    )


def ade_edges() -> None:
    """``ADE20K(edge=True)``, which GSCNN and DecoupledSegNet need, reads a label that has no name there.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (UnboundLocalError). Pinned by: tests/compat.
    """
    _amend(ade.ADE20K.__getitem__, ("label, radius=2", "data['label'], radius=2"))


# Models ----------------------------------------------------------------------------------------------------------


def auxiliary_head_width() -> None:
    """The auxiliary heads of ISANet, DNLNet, EMANet and KNet take 1024 channels, whatever the backbone gives.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (wrong width: ValueError with ResNet18_vd). Pinned by: tests/compat.
    """
    for head in (isanet.ISAHead, dnlnet.DNLHead, emanet.EMAHead):
        _amend(head.__init__, ("in_channels=1024,", "in_channels=in_channels[-2],"))
    _amend(knet.KNet.__init__, ("1024, 256, num_classes", "backbone.feat_channels[2], 256, num_classes"))


def isanet_padding() -> None:
    """ISANet joins the four widths of its padding, which are 0-D now, by ``concat``.

    Shows on: 2.6.2 (ValueError unless the feature map is divisible by the down factor), 3.2.2, 3.3.1 (on export).
    Pinned by: tests/compat.
    """
    _amend(
        isanet.ISAHead.forward,
        ("padding = paddle.concat(", "padding = paddle.stack("),
        ("F.pad(x, padding)", "F.pad(x, padding.flatten())"),  # dygraph of 3.x makes each width a 1-D tensor
    )


def flow_type_promotion() -> None:
    """SFNet and DecoupledSegNet divide a float32 flow field by the int64 size of the map.

    Shows on: 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    for module in (sfnet.AlignedModule, decoupled_segnet.SqueezeBodyEdge):
        _amend(module.flow_warp, ("reshape([1, 1, 1, -1])", "reshape([1, 1, 1, -1]).astype(flow.dtype)"))


def point_count() -> None:
    """PointRend joins two 0-D counts, of two integer types, by ``concat`` to find the smaller one.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (ValueError on evaluation and export). Pinned by: tests/compat.
    """
    _amend(
        pointrend.PointHead.get_points_test,
        ("paddle.min(paddle.concat([height * width, num_points]))",
         "paddle.minimum(height * width, num_points.astype(height.dtype))"),
    )  # fmt: skip


def backbone_without_weights() -> None:
    """``VisionTransformer`` and ``CAE`` look for a weight file even when ``pretrained`` is null, their default.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (TypeError). Pinned by: tests/compat.
    """
    line = "model_path = self.pretrained\n"
    for backbone in (vision_transformer.VisionTransformer, cae.CAE):
        _amend(backbone.init_weight, (line, line + "    if model_path is None:\n        return\n"))


def sync_batch_norm_on_cpu() -> None:
    """ViTAdapter and UPerNetCAE build ``nn.SyncBatchNorm``, which has no CPU kernel, where the other models ask
    ``layers.SyncBatchNorm`` for what the device can do.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (RuntimeError). Pinned by: tests/compat.
    """
    for module in (vit_adapter, vit_adapter_layers):
        module.SyncBatchNorm = layers.SyncBatchNorm
    plain = ("nn.SyncBatchNorm(", "SyncBatchNorm(")
    _amend(vit_adapter.ViTAdapter.__init__, plain)
    _amend(vit_adapter_layers.SpatialPriorModule.__init__, plain)
    _amend(upernet_cae.UPerNetCAE._init_fpn, ("nn.SyncBatchNorm(", "layers.SyncBatchNorm("))


def upernet_cae_channels() -> None:
    """UPerNetCAE leaves the number of its channels to be worked out, which a static graph does not do.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (ValueError on export). Pinned by: tests/compat.
    """
    _amend(upernet_cae.UPerNetCAE.forward, ("[B, -1, Hp, Wp]", "[B, feat.shape[-1], Hp, Wp]"))


def mscan_channels() -> None:
    """MSCAN, of SegNeXt, leaves the number of its channels to be worked out, like UPerNetCAE.

    Shows on: 2.6.2 (ValueError on export). Pinned by: tests/compat.
    """
    _amend(mscan.MSCAN.forward, ("[B, H, W, -1]", "[B, H, W, x.shape[-1]]"))


def maskformer_gather() -> None:
    """``MaskFormerLoss`` gathers boolean masks, which no CPU kernel of Paddle 2.6 does.

    Shows on: 2.6.2 (RuntimeError). Pinned by: tests/compat.
    """
    change = ("paddle.cast(item['masks'], 'bool')", "(item['masks'] != 0).astype('int32')")
    _amend(maskformer_loss.MaskFormerLoss.forward, change)


def maskformer_batch() -> None:
    """MaskFormer loops over the images of a batch, endlessly where their number is open, and answers for the last one.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (RuntimeError on export, or an export that never ends). Pinned by: tests/compat.
    """
    _amend(
        maskformer.MaskFormer.forward,
        ("zip(mask_cls_results,\n                                                     mask_pred_results)",
         "zip([mask_cls_results[-1]], [mask_pred_results[-1]])"),
    )  # fmt: skip
    _amend(
        maskformer.Transformer.forward,
        ("paddle.stack([query_embed for i in range(bs)], axis=1)", "query_embed.unsqueeze(1).tile([1, bs, 1])"),
    )


def hrformer_assertions() -> None:
    """HRFormer's attention asserts shapes that are not known yet in a static graph.

    Shows on: 3.2.2, 3.3.1 (TypeError on export). Pinned by: tests/compat.
    """
    _amend(
        hrformer.Attention.forward,
        ("assert list(", "assert True or list("),
        ("assert (\n            src_len ==", "assert True or (\n            src_len =="),
    )


def swin_dynamic_shape() -> None:
    """``SwinTransformer`` (UPerNet, MaskFormer, MLATransformer) counts its windows with numpy and floats, and pads by
    lists of numbers, none of which is possible in a graph whose height and width are open.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (TypeError on export). Pinned by: tests/compat.
    """
    swin_transformer.pad_by = pad_by
    pad = ("F.pad(", "pad_by(")
    _amend(
        swin_transformer.BasicLayer.forward,
        ("int(np.ceil(H / self.window_size))", "(H + self.window_size - 1) // self.window_size"),
        ("int(np.ceil(W / self.window_size))", "(W + self.window_size - 1) // self.window_size"),
    )
    _amend(
        swin_transformer.window_reverse,
        ("B = int(windows.shape[0] / (H * W / window_size / window_size))", "C = windows.shape[-1]"),
        ("[B, H // window_size, W // window_size, window_size, window_size, -1]",
         "[-1, H // window_size, W // window_size, window_size, window_size, C]"),
        ("[B, H, W, -1]", "[-1, H, W, C]"),
    )  # fmt: skip
    for layer in (swin_transformer.PatchEmbed, swin_transformer.SwinTransformerBlock, swin_transformer.PatchMerging):
        _amend(layer.forward, pad)


@paddle.jit.not_to_static  # it holds nothing to translate
def pad_by(x: paddle.Tensor, widths: list) -> paddle.Tensor:
    """``F.pad`` for widths some of which may be tensors, or variables of a static graph."""
    if all(isinstance(width, int) for width in widths):
        return F.pad(x, widths)
    return F.pad(x, paddle.concat([paddle.zeros([1], "int32") + width for width in widths]))


def deformable_attention() -> None:
    """ViTAdapter divides float32 offsets by int64 sizes, then ends the process unless an operator built for CUDA, and
    fetched by hand, is installed.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (SystemExit; TypeError on 3.x). Pinned by: tests/compat.
    """
    _amend(
        ms_deformable_attention.MSDeformAttn.forward,
        ("sampling_offsets / offset_normalizer", "sampling_offsets / offset_normalizer.astype(query.dtype)"),
    )
    if importlib.util.find_spec("ms_deform_attn") is None:
        stand_in = ModuleType("ms_deform_attn", "Paddle operations in the place of PaddleSeg's CUDA operator.")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("ms_deform_attn", None)
        stand_in.ms_deform_attn = ms_deform_attn
        sys.modules["ms_deform_attn"] = stand_in


def ms_deform_attn(
    value: paddle.Tensor,
    spatial_shapes: paddle.Tensor,
    level_start_index: paddle.Tensor,
    sampling_locations: paddle.Tensor,
    attention_weights: paddle.Tensor,
    im2col_step: int,
) -> paddle.Tensor:
    """Multi-scale deformable attention (Zhu et al., https://arxiv.org/abs/2010.04159, equation 3).

    Args:
        value: (N, pixels of all levels, heads, channels).
        spatial_shapes: (levels, 2), height and width of each.
        level_start_index: (levels,), where each level begins; it follows from the shapes.
        sampling_locations: (N, queries, heads, levels, points, 2), x and y, from 0 to 1 across a level.
        attention_weights: (N, queries, heads, levels, points).
        im2col_step: of the CUDA operator; nothing here depends on it.

    Returns:
        (N, queries, heads * channels).
    """
    n, _, heads, channels = value.shape
    queries = sampling_locations.shape[1]
    shapes = [(int(height), int(width)) for height, width in spatial_shapes.numpy()]
    levels = value.transpose([0, 2, 3, 1]).reshape([n * heads, channels, -1])
    levels = paddle.split(levels, [height * width for height, width in shapes], axis=2)
    grids = (2 * sampling_locations - 1).transpose([0, 2, 1, 3, 4, 5]).flatten(0, 1)
    weights = attention_weights.transpose([0, 2, 1, 3, 4]).reshape([n * heads, 1, queries, -1])
    samples = [
        F.grid_sample(level.reshape([n * heads, channels, *shape]), grids[:, :, index], align_corners=False)
        for index, (level, shape) in enumerate(zip(levels, shapes))
    ]
    output = (paddle.concat(samples, axis=3) * weights).sum(axis=3)  # (N * heads, channels, queries)
    return output.reshape([n, heads * channels, queries]).transpose([0, 2, 1])


def espnet_classes() -> None:
    """ESPNetV1's last convolution expects the number of channels that 19 classes happen to give.

    Shows on: 2.6.2, 3.2.2, 3.3.1 (ValueError with any other number). Pinned by: tests/compat.
    """
    _amend(espnetv1.ESPNetV1.__init__, ("16 + in_channels + num_classes", "2 * num_classes"))


REPAIRS = (
    cross_entropy_type_promotion,
    ohem_type_promotion,
    dual_task_type_promotion,
    relax_boundary_type_promotion,
    rmi_type_promotion,
    point_loss_type_promotion,
    binary_loss_positive_weight,
    dice_loss_keeps_labels,
    zero_dimensional_loss,
    area_in_one_pass,
    category_ratio_crop,
    scale_padding_labels,
    resize_by_short_remembers,
    ade_edges,
    auxiliary_head_width,
    isanet_padding,
    flow_type_promotion,
    point_count,
    backbone_without_weights,
    sync_batch_norm_on_cpu,
    upernet_cae_channels,
    mscan_channels,
    maskformer_gather,
    maskformer_batch,
    hrformer_assertions,
    swin_dynamic_shape,
    deformable_attention,
    espnet_classes,
)
