"""Evaluate a trained model on the validation set of a YAML file; `python val.py --help` explains every flag."""

import sys
from collections.abc import Sequence

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.evaluation_command import run_evaluation

EXAMPLES = """
python val.py --config configs/quickstart/psanet_resnet18_quickstart.yml --model_path output/best_model/model.pdparams
python val.py --config my.yml --model_path output/best_model --aug_eval --scales 0.75 1.0 1.25 --flip_horizontal
python val.py --config my.yml --model_path output/best_model --is_slide --crop_size 512 512 --stride 341 341
python val.py --config my.yml --exported output/export
"""


def parse(arguments: Sequence[str]):
    """The flags of the command line."""
    parser = cli.Parser("Evaluate a trained model: mIoU, accuracy, kappa, Dice, and a table of the classes.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser, or_exported=True)
    cli.add_device_flag(parser)
    cli.add_workers_flag(parser)
    cli.add_precision_flags(parser)
    cli.add_inference_flags(parser, "--aug_eval")
    parser.add_argument(
        "--auc_roc", action="store_true", help="also the area under the ROC curve (keeps all predictions in memory)."
    )
    parser.add_argument(
        "--data_format",
        choices=("NCHW", "NHWC"),
        default="NCHW",
        help="NHWC only for models that have it (DeepLabV3P).",
    )
    parser.refuse("--use_multilabel", why="the losses and metrics of paddleseg 2.8.0 know one label per pixel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and evaluate."""
    run_evaluation(**vars(parse(arguments)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
