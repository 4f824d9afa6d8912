"""Bilinear resizes in a form that is right in Paddle Inference with oneDNN.

With oneDNN, Paddle 3.2 and later silently ignore ``align_corners``. Paddle 3.3 raises for each bilinear resize
(``ConvertPirAttribute2RuntimeAttribute not support ... DoubleAttribute``), so oneDNN would be off for the whole model,
which takes about three times as long. Both were measured on exported graphs of one resize. A trilinear resize with a
depth of one is the same function, and oneDNN does not implement it: the convolutions run in oneDNN, the resize runs in
Paddle's own kernel.
"""

import contextlib
import functools
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import inference

_interpolate = F.interpolate
_signature = inspect.signature(_interpolate)


class _Resize(paddle.nn.Layer):
    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        # The resize follows a convolution, as in a network. Also, Paddle 2.6 writes no weights if there are none.
        one = paddle.nn.initializer.Constant(1.0)
        self.convolution = paddle.nn.Conv2D(1, 1, 1, weight_attr=paddle.ParamAttr(initializer=one))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return _interpolate(self.convolution(x), size=[5, 5], mode="bilinear", align_corners=self.align_corners)


@functools.cache
def onednn_resizes_right(align_corners: bool) -> bool:
    """Return whether oneDNN is right about a bilinear resize in the installed Paddle. A small graph is tried once."""
    graph = _Resize(align_corners)
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    expected = graph(paddle.to_tensor(x)).numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        spec = [paddle.static.InputSpec([1, 1, 2, 3], "float32")]
        paddle.jit.save(paddle.jit.to_static(graph, input_spec=spec, full_graph=True), path)
        model = next(file for file in Path(folder).iterdir() if file.suffix in (".json", ".pdmodel"))
        config = inference.Config(str(model), path + ".pdiparams")
        config.disable_gpu()
        config.disable_glog_info()
        config.enable_mkldnn()
        try:
            predictor = inference.create_predictor(config)
            predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(x)
            predictor.run()
            resized = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
        except Exception:
            return False
    return bool(np.allclose(resized, expected, atol=1e-4))


@contextlib.contextmanager
def portable_resizes() -> Iterator[None]:
    """Within this context, trace a bilinear resize as a trilinear one if it would be wrong with oneDNN."""
    for align_corners in (False, True):
        # Ask before the tracing starts, because the answer needs a tracing of its own.
        onednn_resizes_right(align_corners)
    F.interpolate = _as_trilinear
    try:
        yield
    finally:
        F.interpolate = _interpolate


@paddle.jit.not_to_static
def _as_trilinear(x: paddle.Tensor, *arguments: Any, **keywords: Any) -> paddle.Tensor:
    """``paddle.nn.functional.interpolate``, but a bilinear resize of an NCHW map has three dimensions."""
    given = _signature.bind(x, *arguments, **keywords)
    given.apply_defaults()
    values = given.arguments
    bilinear = str(values["mode"]).lower() == "bilinear" and values["data_format"] in (None, "NCHW")
    if not bilinear or onednn_resizes_right(bool(values["align_corners"])):
        return _interpolate(x, *arguments, **keywords)
    resized = _interpolate(
        paddle.unsqueeze(x, 2),
        size=_with_depth(values["size"]),
        scale_factor=_with_depth(values["scale_factor"]),
        mode="trilinear",
        align_corners=values["align_corners"],
        align_mode=values["align_mode"],
        data_format="NCDHW",
    )
    return paddle.squeeze(resized, 2)


def _with_depth(sides: Any) -> Any:
    """Put 1, for the depth, before sizes or scale factors (height, width). One number counts for both."""
    if sides is None:
        return None
    if isinstance(sides, (int, float)):
        return [1, sides, sides]
    if isinstance(sides, (list, tuple)):
        return [1, *sides]
    return paddle.concat([paddle.ones([1], sides.dtype), sides])
