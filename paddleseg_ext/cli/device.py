"""The device that a command computes on."""

from typing import Optional

import paddle

from paddleseg_ext.errors import UserError

DEVICES = ("cpu", "gpu", "xpu", "npu", "mlu")


def use_device(name: Optional[str]) -> str:
    """Make ``name`` Paddle's device and return its name.

    Args:
        name: One of ``DEVICES``. None: the GPU if Paddle finds one, else the CPU.

    Raises:
        UserError: The installed Paddle cannot use the device.
    """
    cuda = paddle.is_compiled_with_cuda()
    custom = paddle.device.get_all_custom_device_type() or []
    has = {
        "cpu": True,
        "gpu": cuda and paddle.device.cuda.device_count() > 0,
        "xpu": paddle.is_compiled_with_xpu(),
        "npu": "npu" in custom,
        "mlu": "mlu" in custom,
    }
    if name is None:
        name = "gpu" if has["gpu"] else "cpu"
    if not has[name]:
        built = "finds no such device" if name == "gpu" and cuda else "is not built for it"
        raise UserError(
            f"--device {name}: the installed Paddle {paddle.__version__} {built}; use --device cpu or install another."
        )
    paddle.set_device(name)
    return name
