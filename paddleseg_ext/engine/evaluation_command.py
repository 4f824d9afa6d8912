"""From the flags of ``val.py`` to an evaluation."""

from typing import Any, Optional

from paddleseg.utils import logger, utils

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.build import Builder, convert_sync_batchnorm
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config, use_nhwc
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.inference import overruled, protocol_of
from paddleseg_ext.engine.samples import check_dataset
from paddleseg_ext.errors import UserError


def run_evaluation(
    config: str,
    model_path: str,
    device: Optional[str],
    opts: Optional[list],
    data_format: str,
    **settings: Any,
) -> tuple:
    """Check configuration, weights and data, and evaluate.

    Args:
        settings: Those of ``evaluate``; they overrule ``test_config`` of the file where they are given. The other
            arguments are the flags of ``val.py``.

    Returns:
        What ``evaluate`` returns.
    """
    settings.pop("traceback", None)
    cfg = load_config(config, opts=opts)
    if not cfg.val_dataset_cfg:
        raise UserError(f"{config} has no val_dataset to evaluate on; add one.")
    if data_format == "NHWC":
        use_nhwc(cfg)
    settings = overruled(cfg.test_config, settings)
    protocol_of(settings)  # tells what is wrong before the data set is read
    logger.info(f"Device: {cli.use_device(device)}")
    utils.set_cv2_num_threads(settings.get("num_workers", 0))

    builder = Builder(cfg, pretrained=False)
    dataset = builder.build("val_dataset")
    check_dataset(dataset, "val_dataset")
    model = convert_sync_batchnorm(builder.build("model"))
    load_weights(model, model_path)
    logger.info(f"Loaded {model_path}")
    return evaluate(model, dataset, **settings)
