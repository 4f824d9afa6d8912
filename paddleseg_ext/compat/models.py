"""Repairs of PaddleSeg's models and backbones."""

import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Union

import paddle
import paddle.nn.functional as F
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

from paddleseg_ext.compat.amend import amend
from paddleseg_ext.compat.deformable_attention import ms_deform_attn
from paddleseg_ext.compat.repair import WRONG_RESULT, repair


@repair(
    fault="The auxiliary heads of ISANet, DNLNet, EMANet and KNet expect 1024 channels from every backbone. "
    "ResNet18_vd, for one, gives 256.",
    shows={"2.6.2": WRONG_RESULT, "3.2.2": WRONG_RESULT, "3.3.1": WRONG_RESULT},
)
def auxiliary_head_width() -> None:
    for head in (isanet.ISAHead, dnlnet.DNLHead, emanet.EMAHead):
        amend(head.__init__, ("in_channels=1024,", "in_channels=in_channels[-2],"))
    amend(knet.KNet.__init__, ("1024, 256, num_classes", "backbone.feat_channels[2], 256, num_classes"))


@repair(
    fault="ISANet joins the four widths of its padding by concat, but they are 0-D now. On Paddle 3 only an export "
    "fails; on 2.6 every image fails whose feature map the down factor does not divide.",
    shows={"2.6.2": ValueError, "3.2.2": ValueError, "3.3.1": ValueError},
)
def isanet_padding() -> None:
    amend(
        isanet.ISAHead.forward,
        ("padding = paddle.concat(", "padding = paddle.stack("),
        ("F.pad(x, padding)", "F.pad(x, padding.flatten())"),  # dygraph of 3.x makes each width a 1-D tensor
    )


@repair(
    fault="SFNet and DecoupledSegNet divide a float32 flow field by the int64 size of the map.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def flow_type_promotion() -> None:
    for module in (sfnet.AlignedModule, decoupled_segnet.SqueezeBodyEdge):
        amend(module.flow_warp, ("reshape([1, 1, 1, -1])", "reshape([1, 1, 1, -1]).astype(flow.dtype)"))


@repair(
    fault="PointRend joins two 0-D counts of different integer types by concat to find the smaller one, in evaluation "
    "and in an export.",
    shows={"2.6.2": ValueError, "3.2.2": ValueError, "3.3.1": ValueError},
)
def point_count() -> None:
    amend(
        pointrend.PointHead.get_points_test,
        ("paddle.min(paddle.concat([height * width, num_points]))",
         "paddle.minimum(height * width, num_points.astype(height.dtype))"),
    )  # fmt: skip


@repair(
    fault="VisionTransformer and CAE look for a weight file even if pretrained is null, the default.",
    shows={"2.6.2": TypeError, "3.2.2": TypeError, "3.3.1": TypeError},
)
def backbone_without_weights() -> None:
    line = "model_path = self.pretrained\n"
    for backbone in (vision_transformer.VisionTransformer, cae.CAE):
        amend(backbone.init_weight, (line, line + "    if model_path is None:\n        return\n"))


@repair(
    fault="ViTAdapter and UPerNetCAE build nn.SyncBatchNorm, which has no CPU kernel. Other models build "
    "layers.SyncBatchNorm, which is BatchNorm on a CPU.",
    shows={"2.6.2": RuntimeError, "3.2.2": RuntimeError, "3.3.1": RuntimeError},
)
def sync_batch_norm_on_cpu() -> None:
    for module in (vit_adapter, vit_adapter_layers):
        module.SyncBatchNorm = layers.SyncBatchNorm
    plain = ("nn.SyncBatchNorm(", "SyncBatchNorm(")
    amend(vit_adapter.ViTAdapter.__init__, plain)
    amend(vit_adapter_layers.SpatialPriorModule.__init__, plain)
    amend(upernet_cae.UPerNetCAE._init_fpn, ("nn.SyncBatchNorm(", "layers.SyncBatchNorm("))


@repair(
    fault="UPerNetCAE leaves the number of channels to reshape. An export does not work it out.",
    shows={"2.6.2": ValueError, "3.2.2": ValueError, "3.3.1": ValueError},
)
def upernet_cae_channels() -> None:
    amend(upernet_cae.UPerNetCAE.forward, ("[B, -1, Hp, Wp]", "[B, feat.shape[-1], Hp, Wp]"))


@repair(
    fault="MSCAN (SegNeXt) leaves the number of channels to reshape. An export does not work it out.",
    shows={"2.6.2": ValueError},
)
def mscan_channels() -> None:
    amend(mscan.MSCAN.forward, ("[B, H, W, -1]", "[B, H, W, x.shape[-1]]"))


@repair(
    fault="MaskFormer loops over the images of a batch and returns the result of the last one. An export of an open "
    "batch size fails, or never ends.",
    shows={"2.6.2": RuntimeError, "3.2.2": RuntimeError, "3.3.1": RuntimeError},
)
def maskformer_batch() -> None:
    amend(
        maskformer.MaskFormer.forward,
        ("zip(mask_cls_results,\n                                                     mask_pred_results)",
         "zip([mask_cls_results[-1]], [mask_pred_results[-1]])"),
    )  # fmt: skip
    amend(
        maskformer.Transformer.forward,
        ("paddle.stack([query_embed for i in range(bs)], axis=1)", "query_embed.unsqueeze(1).tile([1, bs, 1])"),
    )


@repair(
    fault="HRFormer's attention asserts shapes that an export does not know yet.",
    shows={"3.2.2": TypeError, "3.3.1": TypeError},
)
def hrformer_assertions() -> None:
    amend(
        hrformer.Attention.forward,
        ("assert list(", "assert True or list("),
        ("assert (\n            src_len ==", "assert True or (\n            src_len =="),
    )


@repair(
    fault="SwinTransformer (UPerNet, MaskFormer, MLATransformer) counts its windows with numpy and floats, and pads by "
    "lists of numbers. An export of open height and width can do neither.",
    shows={"2.6.2": TypeError, "3.2.2": TypeError, "3.3.1": TypeError},
)
def swin_dynamic_shape() -> None:
    swin_transformer.pad_by = pad_by
    pad = ("F.pad(", "pad_by(")
    amend(
        swin_transformer.BasicLayer.forward,
        ("int(np.ceil(H / self.window_size))", "(H + self.window_size - 1) // self.window_size"),
        ("int(np.ceil(W / self.window_size))", "(W + self.window_size - 1) // self.window_size"),
    )
    amend(
        swin_transformer.window_reverse,
        ("B = int(windows.shape[0] / (H * W / window_size / window_size))", "C = windows.shape[-1]"),
        ("[B, H // window_size, W // window_size, window_size, window_size, -1]",
         "[-1, H // window_size, W // window_size, window_size, window_size, C]"),
        ("[B, H, W, -1]", "[-1, H, W, C]"),
    )  # fmt: skip
    for layer in (swin_transformer.PatchEmbed, swin_transformer.SwinTransformerBlock, swin_transformer.PatchMerging):
        amend(layer.forward, pad)


@paddle.jit.not_to_static  # it holds nothing to translate
def pad_by(x: paddle.Tensor, widths: list[Union[int, paddle.Tensor]]) -> paddle.Tensor:
    """``F.pad``, for widths that are numbers, integer tensors, or variables of a static graph."""
    if all(isinstance(width, int) for width in widths):
        return F.pad(x, widths)
    return F.pad(x, paddle.concat([paddle.zeros([1], "int32") + width for width in widths]))


@repair(
    fault="ViTAdapter divides float32 offsets by int64 sizes. It then ends the process unless an operator for CUDA is "
    "installed, which PaddleSeg does not bring.",
    shows={"2.6.2": SystemExit, "3.2.2": TypeError, "3.3.1": TypeError},
)
def deformable_attention() -> None:
    amend(
        ms_deformable_attention.MSDeformAttn.forward,
        ("sampling_offsets / offset_normalizer", "sampling_offsets / offset_normalizer.astype(query.dtype)"),
    )
    if importlib.util.find_spec("ms_deform_attn") is None:
        stand_in = ModuleType("ms_deform_attn", "Paddle's operators instead of PaddleSeg's CUDA operator.")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("ms_deform_attn", None)
        stand_in.__dict__["ms_deform_attn"] = ms_deform_attn
        sys.modules["ms_deform_attn"] = stand_in


@repair(
    fault="ESPNetV1's last convolution expects a number of channels that is right for 19 classes only.",
    shows={"2.6.2": ValueError, "3.2.2": ValueError, "3.3.1": ValueError},
)
def espnet_classes() -> None:
    amend(espnetv1.ESPNetV1.__init__, ("16 + in_channels + num_classes", "2 * num_classes"))
