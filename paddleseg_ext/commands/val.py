"""``val.py``: evaluate a trained model on the validation set of a YAML file."""

import argparse
from collections.abc import Sequence
from typing import Any, Optional

import paddle
from paddleseg.utils import logger, utils

from paddleseg_ext import cli
from paddleseg_ext.commands.sync_batchnorm import convert_sync_batchnorm
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.configured_classes import classes_of
from paddleseg_ext.config.data_format import use_nhwc
from paddleseg_ext.deploy.deploy_yaml import NAME, Deploy, read_deploy
from paddleseg_ext.deploy.exported_model import ExportedModel
from paddleseg_ext.deploy.predictor import open_predictor
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.figures import Evaluation
from paddleseg_ext.engine.samples import check_dataset
from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import protocol_of
from paddleseg_ext.protocol.settings import overruled
from paddleseg_ext.weights.loading import load_weights

EXAMPLES = """
python val.py --config configs/quickstart/psanet_resnet18_quickstart.yml --model_path output/best_model/model.pdparams
python val.py --config my.yml --model_path output/best_model --aug_eval --scales 0.75 1.0 1.25 --flip_horizontal
python val.py --config my.yml --model_path output/best_model --is_slide --crop_size 512 512 --stride 341 341
python val.py --config my.yml --exported output/export
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    parser = cli.Parser("Evaluate a trained model: mIoU, accuracy, kappa, Dice, and a table of the classes.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_model_path_flag(parser, or_exported=True)
    cli.add_device_flag(parser)
    cli.add_workers_flag(parser)
    cli.add_precision_flags(parser)
    cli.add_inference_flags(parser, "--aug_eval")
    parser.add_argument(
        "--auc_roc",
        action="store_true",
        help="also compute the area under the ROC curve. Keeps all predictions in memory.",
    )
    cli.add_data_format_flag(parser)
    parser.refuse("--use_multilabel", why="the losses and metrics of paddleseg 2.8.0 work with one label per pixel")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and evaluate."""
    run_evaluation(**vars(parse(arguments)))


def run_evaluation(
    config: str,
    model_path: Optional[str],
    device: Optional[str],
    opts: Optional[Sequence[str]],
    data_format: str,
    exported: Optional[str] = None,
    **settings: Any,
) -> Evaluation:
    """Check configuration, weights and data, and evaluate.

    Args:
        settings: Arguments of ``evaluate``. Where they are given, they overrule ``test_config`` of the file. The other
            arguments are the flags of ``val.py``.

    Raises:
        UserError: A fault that the user can correct. Wherever possible it is found before the model runs.
    """
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
            raise UserError(
                "--precision fp16 needs --model_path, because an export has a fixed precision; leave it out."
            )
        _require_same_classes(deploy, builder)
        # The export contains the test protocol.
        test_config = {**{key: value for key, value in test_config.items() if key in _FIGURES}, **deploy.test_config}
    settings = overruled(test_config, settings)
    protocol = protocol_of(settings)  # reports a fault before the data set is read
    if exported is not None and deploy.output_op == "argmax" and (protocol.is_slide or protocol.aug_eval):
        raise UserError(
            f"{exported} gives labels, and labels cannot be averaged over windows, scales or mirrored images; "
            "export with --output_op none."
        )
    device = cli.use_device(device)
    logger.info(f"Device: {device}")
    utils.set_cv2_num_threads(settings.get("num_workers", 0))

    dataset = builder.build("val_dataset")
    check_dataset(dataset, "val_dataset")
    model: paddle.nn.Layer
    if exported is not None:
        dataset.transforms = deploy.preprocess()
        model = ExportedModel(open_predictor(deploy, device="gpu" if device == "gpu" else "cpu"), deploy)
        # Paddle's share outside the predictor is small.
        paddle.set_device("cpu")
    else:
        model = convert_sync_batchnorm(builder.build("model"))
        assert model_path is not None, "the parser requires --model_path or --exported"
        load_weights(model, model_path)
    logger.info(f"Loaded {exported or model_path}")
    return evaluate(model, dataset, **settings)


# Keys of test_config that change the figures, not the labels.
_FIGURES = ("absent_classes",)


def _require_same_classes(deploy: Deploy, builder: Builder) -> None:
    """Raise ``UserError`` if an export and a configuration have different classes."""
    names, _ = classes_of(builder)
    if deploy.class_names and deploy.class_names != names:
        theirs, ours = (f"{len(some)} ({', '.join(some[:3])} ...)" for some in (deploy.class_names, names))
        raise UserError(
            f"--exported: the classes in {deploy.folder / NAME} are {theirs}, and those of {builder.config.path} are "
            f"{ours}; give the configuration that the model was exported with."
        )
