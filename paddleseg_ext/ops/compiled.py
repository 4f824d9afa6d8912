"""psamask by the compiled operator of ``custom_ops/``. Load the library first (``library.load``)."""

import paddle
from paddle.base import core
from paddle.base.layer_helper import LayerHelper

_CODES = {"collect": 0, "distribute": 1}

# Paddle 3 moved the function. Both run an operator by its name, in dygraph; Paddle 3's also while a program is traced.
_run_custom_op = getattr(paddle._C_ops, "_run_custom_op", None) or core.eager._run_custom_op


def psamask(x: paddle.Tensor, psa_type: str, mask_h: int, mask_w: int) -> paddle.Tensor:
    """Point-wise spatial attention mask; see :func:`paddleseg_ext.ops.psamask` (arguments already checked)."""
    code = _CODES[psa_type]
    if paddle.in_dynamic_mode():
        return _run_custom_op("psamask", x, code, mask_h, mask_w)[0]

    # Paddle 3's inference with oneDNN would give the operator a convolution's blocked memory layout, and the operator
    # would read it as the plain layout: wrong numbers without an error. A copy in between has the plain layout. Only
    # programs need the copy: dygraph never has blocked tensors.
    x = paddle.assign(x)
    if paddle.framework.in_dynamic_or_pir_mode():
        return _run_custom_op("psamask", x, code, mask_h, mask_w)[0]

    helper = LayerHelper("psamask")
    out = helper.create_variable_for_type_inference(dtype=x.dtype)
    attributes = {"psa_type": code, "mask_h": mask_h, "mask_w": mask_w}
    helper.append_op(type="psamask", inputs={"X": x}, outputs={"Out": out}, attrs=attributes)
    return out
