"""Running variances as torch keeps them.

Training divides by the variance of the batch, evaluation by the running variance. Both frameworks divide by the biased
variance in training: the sum of squares over the n values of a channel, divided by n. They update the running variance
differently. Paddle adds the biased variance to it. Torch adds the unbiased one, which is n / (n - 1) times as large.

The difference is large where n is small. In PSPNet's level of a single bin, n is the number of images on the card: with
two images, torch adds twice as much as Paddle.
"""

import math
from typing import Optional, Union

import paddle
from paddle import nn

from paddleseg_ext.ops.shapes import sizes

_NORMALIZATIONS = (nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


def keep_unbiased_variance(model: nn.Layer) -> None:
    """Make every batch normalization in ``model`` keep its running variance as torch does.

    Outputs, gradients and all other statistics stay the same. A second call changes only layers that are new since the
    first, so call it again after ``convert_sync_batchnorm``, which replaces layers.

    Args:
        model: A layer that is, or holds, the batch normalizations. It is changed in place.
    """
    for layer in model.sublayers(include_self=True):
        if isinstance(layer, _NORMALIZATIONS) and not hasattr(layer, "_unbiased_variance"):
            hooks = _Hooks()
            layer.register_forward_pre_hook(hooks.before)
            layer.register_forward_post_hook(hooks.after)
            layer._unbiased_variance = True


class _Hooks:
    """Two hooks around the forward of one layer that turn Paddle's update of the running variance into torch's.

    ``before`` multiplies the running variance ``old`` by (n - 1) / n. The layer then makes Paddle's update with its
    momentum m. ``after`` multiplies the result by n / (n - 1). The two factors cancel for ``old``, and the variance of
    the batch keeps the second:

    ``n / (n - 1) * (m * (n - 1) / n * old + (1 - m) * biased) == m * old + (1 - m) * unbiased``
    """

    def __init__(self):
        self.n = self.kept = None

    @paddle.jit.not_to_static
    def before(self, layer: nn.Layer, inputs: tuple[paddle.Tensor]) -> None:
        self.n = n = _values_per_channel(layer, inputs[0])
        if n is None:
            return
        shrunk = _scaled(layer._variance, (n - 1) / n)
        if paddle.in_dynamic_mode():
            # The backward pass refuses a tensor that changed after the forward, so the layer updates a copy.
            self.kept, layer._parameters["_variance"] = layer._variance, shrunk
        else:
            paddle.assign(shrunk, output=layer._variance)

    @paddle.jit.not_to_static
    def after(self, layer: nn.Layer, inputs: tuple[paddle.Tensor], output: paddle.Tensor) -> None:
        if self.n is None:
            return
        stretched = _scaled(layer._variance, self.n / (self.n - 1))
        if paddle.in_dynamic_mode():
            self.kept, layer._parameters["_variance"] = None, self.kept
        paddle.assign(stretched, output=layer._variance)


def _scaled(variance: paddle.Tensor, factor: Union[float, paddle.Tensor]) -> paddle.Tensor:
    scaled = variance * factor
    if scaled.dtype != variance.dtype:
        # Mixed precision of level O2 multiplied in half precision. To check that first would cost more time than this.
        with paddle.amp.auto_cast(enable=False):
            scaled = variance * factor
    return scaled


def _values_per_channel(layer: nn.Layer, x: paddle.Tensor) -> Optional[Union[int, paddle.Tensor]]:
    """Return n, the number of values per channel in the batch; None if the layer must not change its update.

    That is so if the layer does not update the running variance, or if n is 1, which has no unbiased variance. n is a
    0-D tensor in a program of unknown size.
    """
    if not layer.training or layer._use_global_stats:
        return None
    n = math.prod(side for axis, side in enumerate(sizes(x)) if axis != 1)
    if isinstance(layer, nn.SyncBatchNorm):
        n = n * paddle.distributed.get_world_size()
    if isinstance(n, int):
        return n if n > 1 else None
    return paddle.cast(n, "float32")
