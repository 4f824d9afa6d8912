"""``predict.py``: segment images with a trained model."""

import argparse
from collections.abc import Sequence
from typing import Any, Optional

import paddle
import paddleseg.transforms as T
from paddleseg.utils import logger

from paddleseg_ext import cli
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.configured_classes import classes_of, image_channels
from paddleseg_ext.engine.predict import predict
from paddleseg_ext.errors import UserError
from paddleseg_ext.pictures.image_list import find_images
from paddleseg_ext.pictures.results import where_results_are
from paddleseg_ext.protocol.inference import protocol_of
from paddleseg_ext.protocol.settings import overruled
from paddleseg_ext.weights.loading import load_weights

EXAMPLES = """
python predict.py --config my.yml --model_path output/best_model/model.pdparams --image_path photo.jpg
python predict.py --config my.yml --model_path output/best_model --image_path photos/ --save_dir output/pictures
python predict.py --config my.yml --model_path output/best_model --image_path list.txt --aug_pred --flip_horizontal
python predict.py --config my.yml --model_path output/best_model --image_path big.png --is_slide --crop_size 512 512 \\
    --stride 341 341
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    parser = cli.Parser(
        "Segment images. Writes a label map, a color map and an overlay with a legend as PNG.", EXAMPLES
    )
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser)
    cli.add_picture_flags(parser, save_dir="output/result")
    cli.add_device_flag(parser)
    cli.add_inference_flags(parser, "--aug_pred")
    parser.refuse("--use_multilabel", why="the models of paddleseg 2.8.0 work with one label per pixel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and predict."""
    run_prediction(**vars(parse(arguments)))


def run_prediction(
    config: str,
    model_path: str,
    image_path: str,
    save_dir: str,
    device: Optional[str] = None,
    device_id: int = 0,
    custom_color: Optional[Sequence[int]] = None,
    opts: Optional[Sequence[str]] = None,
    **settings: Any,
) -> None:
    """Check flags, images, configuration and weights, then predict.

    Args:
        settings: The flags of test-time augmentation and sliding windows. They overrule ``test_config`` of the file.
            Prediction follows the same test protocol as evaluation. The other arguments are the other flags.

    Raises:
        UserError: A fault that the user can correct. Wherever possible it is found before the model runs.
    """
    settings["aug_eval"] = settings.pop("aug_pred", False)
    images = find_images(image_path)
    cfg = load_config(config, opts=opts, training=False)
    protocol = protocol_of(overruled(cfg.test_config, settings))
    if not cfg.val_dataset_cfg:
        raise UserError(f"{config} has no val_dataset, and its transforms prepare the images; add one.")
    _use_card(cli.use_device(device), device_id)
    builder = Builder(cfg, pretrained=False)
    names, colors = classes_of(builder, custom_color)
    transforms = T.Compose(builder.build("val_transforms"), img_channels=image_channels(builder))
    model = builder.build("model")
    load_weights(model, model_path)
    logger.info(f"Predicting {len(images)} image{'s' if len(images) != 1 else ''}.")
    predict(model, transforms, images, save_dir, names, colors, protocol)
    logger.info(where_results_are(save_dir, len(images)))


def _use_card(device: str, number: int) -> None:
    if number == 0:
        return
    if device == "cpu":
        raise UserError(f"--device_id {number} is the number of a card, and the device is the CPU; leave the flag out.")
    if device == "gpu" and number >= paddle.device.cuda.device_count():
        raise UserError(f"--device_id {number} does not exist; Paddle finds {paddle.device.cuda.device_count()} cards.")
    paddle.set_device(f"{device}:{number}")
