"""From the flags of ``predict.py`` to pictures."""

from collections.abc import Sequence
from typing import Any, Optional

import paddle
import paddleseg.transforms as T
from paddleseg.utils import logger

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.engine.configured_classes import classes_of, image_channels
from paddleseg_ext.engine.image_list import find_images
from paddleseg_ext.engine.inference import overruled, protocol_of
from paddleseg_ext.engine.predict import predict, where_results_are
from paddleseg_ext.errors import UserError


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
        settings: The flags of test-time augmentation and sliding windows. They overrule ``test_config`` of the file,
            whose protocol prediction follows as evaluation does. The other arguments are the other flags.

    Raises:
        UserError: Anything the user can put right, before the model runs wherever possible.
    """
    settings.pop("traceback", None)
    settings["aug_eval"] = settings.pop("aug_pred", False)
    images = find_images(image_path)
    cfg = load_config(config, opts=opts, training=False)
    protocol = protocol_of(overruled(cfg.test_config, settings))
    if not cfg.val_dataset_cfg:
        raise UserError(f"{config} has no val_dataset, whose transforms prepare the images; add one.")
    _use_card(cli.use_device(device), device_id)
    builder = Builder(cfg, pretrained=False)
    names, colours = classes_of(builder, custom_color)
    transforms = T.Compose(builder.build("val_transforms"), img_channels=image_channels(builder))
    model = builder.build("model")
    load_weights(model, model_path)
    logger.info(f"Predicting {len(images)} image{'s' if len(images) != 1 else ''}.")
    predict(model, transforms, images, save_dir, names, colours, protocol)
    logger.info(where_results_are(save_dir, len(images)))


def _use_card(device: str, number: int) -> None:
    if number == 0:
        return
    if device == "cpu":
        raise UserError(f"--device_id {number} names a card, but the device is the CPU; leave it out.")
    if device == "gpu" and number >= paddle.device.cuda.device_count():
        raise UserError(f"--device_id {number} does not exist; there are {paddle.device.cuda.device_count()} cards.")
    paddle.set_device(f"{device}:{number}")
