"""``export.py``: export a trained model for Paddle Inference or as ONNX."""

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Optional

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
    """The flags of the command line."""
    parser = cli.Parser("Export a trained model, and prove the export against the model it came from.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser)
    parser.add_argument(
        "--save_dir",
        default="output/export",
        metavar="DIR",
        help="gets the program (model.json, or model.pdmodel with Paddle 2), model.pdiparams and deploy.yaml; with "
        "--format onnx just model.onnx.",
    )
    parser.add_argument(
        "--format",
        dest="file_format",
        choices=FORMATS,
        default="paddle",
        help="for Paddle Inference, or ONNX for other runtimes (takes the packages of `pip install -e '.[onnx]'`).",
    )
    parser.add_argument(
        "--opset",
        type=int,
        choices=OPSETS,
        metavar=f"{OPSETS[0]}..{OPSETS[-1]}",
        help=f"with --format onnx, the version of the operators (default: {OPSET}).",
    )
    parser.add_argument(
        "--input_shape",
        nargs="+",
        type=int,
        metavar="N",
        help="a fixed input, e.g. `--input_shape 1 3 512 1024`, -1 for any; by default batch and size are left open.",
    )
    parser.add_argument(
        "--output_op",
        choices=("auto", *OUTPUT_OPS),
        default="auto",
        help="what the model puts out: labels (argmax), probabilities (softmax), logits (none) or logits at the size "
        "of the features; auto is labels, or logits where test_config or a resize among the transforms needs them, "
        "so that deploy/python/infer.py gives the labels of predict.py.",
    )
    parser.add_argument(
        "--ops",
        choices=("auto", "compiled", "native"),
        help="PSANet's attention as the compiled operator, which the machine that runs the export then needs as well, "
        "or native, of Paddle's own operators, as ONNX is in any case (default: $PADDLESEG_EXT_OPS, or auto: compiled "
        "where it can be had).",
    )
    parser.add_argument(
        "--for_fd",
        action="store_true",
        help="changes nothing: PaddleSeg names the files inference.* with it, for FastDeploy and PaddleX.",
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
