"""Export a trained model for Paddle Inference or as ONNX; `python export.py --help` explains every flag."""

import sys
from collections.abc import Sequence

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.deploy_yaml import OUTPUT_OPS
from paddleseg_ext.engine.export_command import FORMATS, run_export
from paddleseg_ext.engine.onnx_export import OPSET, OPSETS

EXAMPLES = """
python export.py --config my.yml --model_path output/best_model/model.pdparams --save_dir output/export
python export.py --config my.yml --model_path output/best_model --input_shape 1 3 512 1024 --output_op softmax
python export.py --config my.yml --model_path output/best_model --ops native
python export.py --config my.yml --model_path output/best_model --save_dir output/onnx --format onnx
"""


def parse(arguments: Sequence[str]):
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


if __name__ == "__main__":
    sys.exit(cli.run(main))
