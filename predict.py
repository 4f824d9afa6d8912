"""Segment images with a trained model; `python predict.py --help` explains every flag."""

import sys
from collections.abc import Sequence

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.prediction_command import run_prediction

EXAMPLES = """
python predict.py --config my.yml --model_path output/best_model/model.pdparams --image_path photo.jpg
python predict.py --config my.yml --model_path output/best_model --image_path photos/ --save_dir output/pictures
python predict.py --config my.yml --model_path output/best_model --image_path list.txt --aug_pred --flip_horizontal
python predict.py --config my.yml --model_path output/best_model --image_path big.png --is_slide --crop_size 512 512 \\
    --stride 341 341
"""


def parse(arguments: Sequence[str]):
    """The flags of the command line."""
    parser = cli.Parser("Segment images: label map, colour map, and overlay with a legend, as PNG files.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser)
    cli.add_picture_flags(parser, save_dir="output/result")
    cli.add_device_flag(parser)
    cli.add_inference_flags(parser, "--aug_pred")
    parser.refuse("--use_multilabel", why="the models of paddleseg 2.8.0 know one label per pixel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and predict."""
    run_prediction(**vars(parse(arguments)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
