"""``--data_format NHWC``: images as height, width, channels."""

from paddleseg.cvlibs import Config

from paddleseg_ext.errors import UserError


def use_nhwc(config: Config) -> None:
    """Let model, backbone and losses read NHWC. DeepLabV3P is the only model of PaddleSeg that can.

    Raises:
        UserError: The model is another one.
    """
    kind = config.dic["model"]["type"]
    if kind != "DeepLabV3P":
        raise UserError(f"--data_format NHWC: {kind} reads images as NCHW only; leave the flag out.")
    losses = config.dic.get("loss", {}).get("types", ())
    for part in (config.dic["model"], config.dic["model"]["backbone"], *losses):
        part["data_format"] = "NHWC"
