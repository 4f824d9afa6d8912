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
    parser.add_argument(
        "--image_path",
        required=True,
        metavar="PATH",
        help="an image, a folder of images, or a text file with one image per line, relative to that file.",
    )
    parser.add_argument(
        "--save_dir",
        default="output/result",
        metavar="DIR",
        help="gets label/ (class indices), pseudo_color_prediction/ and added_prediction/ (overlay with a legend).",
    )
    cli.add_device_flag(parser)
    parser.add_argument(
        "--device_id", type=cli.natural_int, default=0, metavar="N", help="which card, where there are several."
    )
    cli.add_inference_flags(parser, "--aug_pred")
    parser.add_argument(
        "--custom_color",
        nargs="+",
        type=cli.natural_int,
        metavar="N",
        help="red green blue of class 0, of class 1 and so on, instead of the data set's or PaddleSeg's colours.",
    )
    parser.refuse("--use_multilabel", why="the models of paddleseg 2.8.0 know one label per pixel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and predict."""
    run_prediction(**vars(parse(arguments)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
