"""From the flags of ``val.py`` to an evaluation."""

from typing import Any, Optional

import paddle
from paddleseg.utils import logger, utils

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.build import Builder, convert_sync_batchnorm
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config, use_nhwc
from paddleseg_ext.engine.configured_classes import classes_of
from paddleseg_ext.engine.deploy_yaml import NAME, Deploy, read_deploy
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.exported_model import ExportedModel
from paddleseg_ext.engine.figures import Evaluation
from paddleseg_ext.engine.inference import overruled, protocol_of
from paddleseg_ext.engine.predictor import open_predictor
from paddleseg_ext.engine.samples import check_dataset
from paddleseg_ext.errors import UserError


def run_evaluation(
    config: str,
    model_path: Optional[str],
    device: Optional[str],
    opts: Optional[list],
    data_format: str,
    exported: Optional[str] = None,
    **settings: Any,
) -> Evaluation:
    """Check configuration, weights and data, and evaluate.

    Args:
        settings: Those of ``evaluate``; they overrule ``test_config`` of the file where they are given. The other
            arguments are the flags of ``val.py``.

    Returns:
        What ``evaluate`` returns.
    """
    settings.pop("traceback", None)
    cfg = load_config(config, opts=opts, training=False)
    if not cfg.val_dataset_cfg:
        raise UserError(f"{config} has no val_dataset to evaluate on; add one.")
    if data_format == "NHWC":
        use_nhwc(cfg)
    builder = Builder(cfg, pretrained=False)
    test_config = dict(cfg.test_config)
    if exported is not None:
        deploy = read_deploy(exported)
        if settings.get("precision") == "fp16":
            raise UserError("--precision fp16 is for weights; the exported model runs in the precision it has.")
        _require_same_classes(deploy, builder)
        # How an image becomes labels is part of what was exported.
        test_config = {**{key: value for key, value in test_config.items() if key in _FIGURES}, **deploy.test_config}
    settings = overruled(test_config, settings)
    protocol = protocol_of(settings)  # tells what is wrong before the data set is read
    if exported is not None and deploy.output_op == "argmax" and (protocol.is_slide or protocol.aug_eval):
        raise UserError(
            f"{exported} puts out labels, which cannot be averaged over windows, scales or mirrored images; export "
            "with --output_op none."
        )
    device = cli.use_device(device)
    logger.info(f"Device: {device}")
    utils.set_cv2_num_threads(settings.get("num_workers", 0))

    dataset = builder.build("val_dataset")
    check_dataset(dataset, "val_dataset")
    if exported is not None:
        dataset.transforms = deploy.preprocess()
        model = ExportedModel(open_predictor(deploy, device="gpu" if device == "gpu" else "cpu"), deploy)
        # What is left to Paddle outside the predictor is small.
        paddle.set_device("cpu")
    else:
        model = convert_sync_batchnorm(builder.build("model"))
        load_weights(model, model_path)
    logger.info(f"Loaded {exported or model_path}")
    return evaluate(model, dataset, **settings)


# Keys of test_config that are about the figures, not about labels.
_FIGURES = ("absent_classes",)


def _require_same_classes(deploy: Deploy, builder: Builder) -> None:
    """Raise ``UserError`` if an export and a configuration are about different classes."""
    names, _ = classes_of(builder)
    if deploy.class_names and deploy.class_names != names:
        told = [f"{len(some)} ({', '.join(some[:3])} ...)" for some in (deploy.class_names, names)]
        raise UserError(
            f"--exported: {deploy.folder / NAME} is of a model with the classes {told[0]}, and {builder.config.path} "
            f"has {told[1]}; give the configuration that it was exported with."
        )
