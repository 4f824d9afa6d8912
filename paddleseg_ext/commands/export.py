"""``export.py``: export a trained model for Paddle Inference or as ONNX."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import paddle
from paddleseg.utils import logger

from paddleseg_ext import cli
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.configured_classes import classes_of, image_channels
from paddleseg_ext.deploy.deploy_yaml import OUTPUT_OPS, preprocessing
from paddleseg_ext.deploy.export import PADDLE_INFERENCE, export
from paddleseg_ext.deploy.onnx_export import OPSET, OPSETS, onnx_form
from paddleseg_ext.deploy.output_op import choose_output
from paddleseg_ext.errors import UserError
from paddleseg_ext.ops import backend
from paddleseg_ext.protocol.inference import InferenceProtocol, protocol_of
from paddleseg_ext.weights.loading import load_weights

EXAMPLES = """
python export.py --config my.yml --model_path output/best_model/model.pdparams --save_dir output/export
python export.py --config my.yml --model_path output/best_model --input_shape 1 3 512 1024 --output_op softmax
python export.py --config my.yml --model_path output/best_model --ops native
python export.py --config my.yml --model_path output/best_model --save_dir output/onnx --format onnx
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags of the command line."""
    parser = cli.Parser("Export a trained model, and compare the exported model with the original.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser)
    parser.add_argument(
        "--save_dir",
        default="output/export",
        metavar="DIR",
        help="folder for the exported model: model.json (model.pdmodel with Paddle 2), model.pdiparams and "
        "deploy.yaml. With --format onnx it holds model.onnx alone.",
    )
    parser.add_argument(
        "--format",
        dest="file_format",
        choices=FORMATS,
        default="paddle",
        help="paddle is for Paddle Inference, onnx for other runtimes. onnx needs `pip install -e '.[onnx]'`.",
    )
    parser.add_argument(
        "--opset",
        type=int,
        choices=OPSETS,
        metavar=f"{OPSETS[0]}..{OPSETS[-1]}",
        help=f"with --format onnx: the version of the operators (default: {OPSET}).",
    )
    parser.add_argument(
        "--input_shape",
        nargs="+",
        type=int,
        metavar="N",
        help="fixed input shape, e.g. `--input_shape 1 3 512 1024`. -1 accepts any number "
        "(default: any batch, any size).",
    )
    parser.add_argument(
        "--output_op",
        choices=("auto", *OUTPUT_OPS),
        default="auto",
        help="output of the exported model: argmax gives labels, softmax probabilities, none logits, and features "
        "logits at the size of the features. auto takes labels, or logits if test_config or a resize in "
        "the transforms needs them. Then deploy/python/infer.py gives the same labels as predict.py.",
    )
    parser.add_argument(
        "--ops",
        choices=("auto", "compiled", "native"),
        help="operators of PSANet's attention. compiled: use the compiled operator; the machine that runs the export "
        "needs it too. native: use Paddle's own operators. ONNX always uses native. auto: compiled if available "
        "(default: $PADDLESEG_EXT_OPS, or auto).",
    )
    parser.add_argument(
        "--for_fd",
        action="store_true",
        help="accepted and ignored. In PaddleSeg it names the files inference.*, for FastDeploy and PaddleX.",
    )
    parser.give_way("--format", "--opset", "--ops")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and export."""
    run_export(**vars(parse(arguments)))


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
) -> None:
    """Check the configuration and the weights, then export and compare. The arguments are the flags of ``export.py``.

    Raises:
        UserError: A fault that the user can correct, or an export that differs from the model.
    """
    form = PADDLE_INFERENCE
    if file_format == "onnx":
        if ops == "compiled":
            raise UserError("--ops compiled: no ONNX runtime has the compiled operator; leave --ops out.")
        ops, form = "native", onnx_form(opset or OPSET)
    elif opset:
        raise UserError("--opset needs --format onnx; add it, or leave --opset out.")
    if for_fd:
        logger.info("--for_fd changes nothing; deploy.yaml names the exported files.")
    # Trace and compare on the CPU: this needs no card, and the rounding of a card cannot change the result.
    paddle.set_device("cpu")
    cfg = load_config(config, opts=opts, training=False)
    protocol = protocol_of(cfg.test_config)
    builder = Builder(cfg, pretrained=False)
    names, colors = classes_of(builder)
    # PaddleSeg's `export` section may have other transforms than the validation set.
    steps = (cfg.dic.get("export") or {}).get("transforms")
    if not steps:
        if not cfg.val_dataset_cfg:
            raise UserError(f"{config} has no val_dataset, and an exported model needs its transforms; add one.")
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
            colors,
            input_shape=input_shape,
            output_op=output_op,
            img_channels=channels,
            test_config=_changed(protocol),
            form=form,
        )
    if file_format == "onnx" and protocol.aug_eval:
        logger.warning(
            "test_config asks for an average over scales or mirrored images (aug_eval). deploy/onnx/infer.py cannot do "
            "that and will refuse this model; for that script, export with --opts test_config.aug_eval=false."
        )
    flag = "python/infer.py --config" if file_format == "paddle" else "onnx/infer.py --model"
    logger.info(f"Exported to {path.parent}; try: python deploy/{flag} {path} --image_path IMAGE")


def _changed(protocol: InferenceProtocol) -> dict[str, Any]:
    """The settings of a protocol that are not the defaults, in the form of ``test_config``."""
    fields = dataclasses.asdict(protocol)
    defaults = dataclasses.asdict(InferenceProtocol())
    return {
        key: list(value) if isinstance(value, (list, tuple)) else value
        for key, value in fields.items()
        if value != defaults[key]
    }
