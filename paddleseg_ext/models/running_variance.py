"""Running variances as torch keeps them.

Batch normalisation divides by the biased variance of the batch, the mean square over its n values, everywhere. What
joins the running variance, which evaluation divides by, is that same figure in Paddle, but the unbiased one,
n / (n - 1) times as large, in torch. With PSPNet's map of a single bin, n is the number of images in the batch: a
factor of 2 on a card with two of them.
"""

import math
from typing import Optional, Union

import paddle
from paddle import nn

from paddleseg_ext.ops.shapes import sizes

_NORMALISATIONS = (nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


def keep_unbiased_variance(model: nn.Layer) -> None:
    """From now on the batch normalisations in ``model`` keep their running variance as torch does.

    Parameters, buffers, outputs and gradients stay what they are. Layers that do so already are left alone, so this
    may be called again after ``convert_sync_batchnorm``, which puts new layers in the place of the old.
    """
    for layer in model.sublayers(include_self=True):
        if isinstance(layer, _NORMALISATIONS) and not hasattr(layer, "_unbiased_variance"):
            hooks = _Hooks()
            layer.register_forward_pre_hook(hooks.before)
            layer.register_forward_post_hook(hooks.after)
            layer._unbiased_variance = True


class _Hooks:
    """Shrinks the running variance before the layer updates it and stretches it after: only the update has grown.

    ``n / (n - 1) * (m * (n - 1) / n * old + (1 - m) * biased) == m * old + (1 - m) * unbiased``
    """

    def __init__(self):
        self.n = self.kept = None

    @paddle.jit.not_to_static
    def before(self, layer: nn.Layer, inputs: tuple) -> None:
        self.n = n = _values_per_channel(layer, inputs[0])
        if n is None:
            return
        shrunk = _scaled(layer._variance, (n - 1) / n)
        if paddle.in_dynamic_mode():
            # The backward pass insists on finding the tensor as the layer left it, so the layer gets one of its own.
            self.kept, layer._parameters["_variance"] = layer._variance, shrunk
        else:
            paddle.assign(shrunk, output=layer._variance)

    @paddle.jit.not_to_static
    def after(self, layer: nn.Layer, inputs: tuple, output: paddle.Tensor) -> None:
        if self.n is None:
            return
        stretched = _scaled(layer._variance, self.n / (self.n - 1))
        if paddle.in_dynamic_mode():
            self.kept, layer._parameters["_variance"] = None, self.kept
        paddle.assign(stretched, output=layer._variance)


def _scaled(variance: paddle.Tensor, factor: Union[float, paddle.Tensor]) -> paddle.Tensor:
    scaled = variance * factor
    if scaled.dtype != variance.dtype:
        # Mixed precision of level O2 multiplied in half precision. Asking first would cost more than all the rest.
        with paddle.amp.auto_cast(enable=False):
            scaled = variance * factor
    return scaled


def _values_per_channel(layer: nn.Layer, x: paddle.Tensor) -> Optional[Union[int, paddle.Tensor]]:
    """How many values of a channel the batch has; None where the running variance stays, or where it has but one."""
    if not layer.training or layer._use_global_stats:
        return None
    n = math.prod(side for axis, side in enumerate(sizes(x)) if axis != 1)
    if isinstance(layer, nn.SyncBatchNorm):
        n = n * paddle.distributed.get_world_size()
    if isinstance(n, int):
        return n if n > 1 else None
    return paddle.cast(n, "float32")
