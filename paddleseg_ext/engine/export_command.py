"""From the flags of ``export.py`` to an exported folder."""

import dataclasses
from collections.abc import Sequence
from typing import Optional

import paddle
from paddleseg.utils import logger

from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.engine.configured_classes import classes_of, image_channels
from paddleseg_ext.engine.deploy_yaml import preprocessing
from paddleseg_ext.engine.export import PADDLE_INFERENCE, export
from paddleseg_ext.engine.inference import InferenceProtocol, protocol_of
from paddleseg_ext.engine.onnx_export import OPSET, onnx_form
from paddleseg_ext.engine.output_op import choose_output
from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import backend

FORMATS = ("paddle", "onnx")


def run_export(
    config: str,
    model_path: str,
    save_dir: str,
    input_shape: Optional[Sequence[int]],
    output_op: str,
    ops: Optional[str] = None,
    opts: Optional[Sequence[str]] = None,
    file_format: str = "paddle",
    opset: Optional[int] = None,
    for_fd: bool = False,
    traceback: bool = False,
) -> None:
    """Check the configuration and the weights, then export and compare. The arguments are the flags of ``export.py``.

    Raises:
        UserError: Anything the user can put right, or an export that differs from the model.
    """
    form = PADDLE_INFERENCE
    if file_format == "onnx":
        if ops == "compiled":
            raise UserError("--ops compiled: no ONNX runtime has the compiled operator; leave --ops out.")
        ops, form = "native", onnx_form(opset or OPSET)
    elif opset:
        raise UserError("--opset is for --format onnx; add that, or leave --opset out.")
    if for_fd:
        logger.info("--for_fd changes nothing: the exported files keep the names that deploy.yaml gives.")
    # Traced and compared on the CPU: no card is needed, and none with its own rounding has a say.
    paddle.set_device("cpu")
    cfg = load_config(config, opts=opts, training=False)
    protocol = protocol_of(cfg.test_config)
    builder = Builder(cfg, pretrained=False)
    names, colours = classes_of(builder)
    # PaddleSeg's `export` section may ask for other steps than the validation's.
    steps = (cfg.dic.get("export") or {}).get("transforms")
    if not steps:
        if not cfg.val_dataset_cfg:
            raise UserError(f"{config} has no val_dataset, whose transforms an exported model takes along; add one.")
        steps = cfg.val_dataset_cfg.get("transforms", [])
    channels = image_channels(builder)
    model = builder.build("model")
    load_weights(model, model_path)
    output_op, protocol = choose_output(output_op, protocol, preprocessing(steps, channels, config), model)
    with backend.wished(ops):
        path = export(
            model,
            save_dir,
            steps,
            names,
            colours,
            input_shape=input_shape,
            output_op=output_op,
            img_channels=channels,
            test_config=_told(protocol),
            form=form,
        )
    if file_format == "onnx" and protocol.aug_eval:
        logger.warning(
            "deploy/onnx/infer.py does not average over scales or mirrored images, which test_config asks for "
            "(aug_eval), and will refuse this model; export with --opts test_config.aug_eval=false for it."
        )
    flag = "python/infer.py --config" if file_format == "paddle" else "onnx/infer.py --model"
    logger.info(f"Exported to {path.parent}; try: python deploy/{flag} {path} --image_path IMAGE")


def _told(protocol: InferenceProtocol) -> dict:
    """What of a protocol is not the default, as ``test_config`` in a YAML would say it."""
    fields = dataclasses.asdict(protocol)
    defaults = dataclasses.asdict(InferenceProtocol())
    return {
        key: list(value) if isinstance(value, (list, tuple)) else value
        for key, value in fields.items()
        if value != defaults[key]
    }
