"""``train.py``: train a model that a YAML file describes."""

import argparse
import random
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import paddle
from paddleseg.utils import logger, utils

from paddleseg_ext import cli
from paddleseg_ext.commands.sync_batchnorm import convert_sync_batchnorm
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.data_format import use_nhwc
from paddleseg_ext.engine.samples import check_dataset
from paddleseg_ext.engine.total_batch import describe_batch
from paddleseg_ext.engine.train import train
from paddleseg_ext.errors import UserError

EXAMPLES = """
python train.py --config configs/quickstart/psanet_resnet18_quickstart.yml --do_eval --use_vdl
python train.py --config my.yml --do_eval --iters 2000 --batch_size 4 --opts model.backbone.pretrained=null
python train.py --config my.yml --do_eval --resume_model output/iter_1000
python -m paddle.distributed.launch --gpus 0,1 train.py --config my.yml --do_eval
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    parser = cli.Parser(
        "Train a segmentation model. Ctrl-C saves a checkpoint; --resume_model continues from it.", EXAMPLES
    )
    cli.add_config_flags(parser)
    cli.add_device_flag(parser)
    cli.add_workers_flag(parser)
    cli.add_precision_flags(parser)
    _add_run_folder_flags(parser)
    _add_schedule_flags(parser)
    cli.add_data_format_flag(parser)
    parser.add_argument(
        "--to_static_training", action="store_true", help="train the model as a static graph (paddle.jit.to_static)."
    )
    parser.add_argument(
        "--profiler_options",
        metavar="TEXT",
        help="profile some steps, then stop. Example: 'batch_range=[10,20];state=CPU;profile_path=profile'.",
    )
    parser.refuse("--use_multilabel", why="the losses and metrics of paddleseg 2.8.0 work with one label per pixel")
    parser.refuse("--input_shape", "--output_op", "--for_fd", why="they belong to export.py")
    return parser.parse_args(arguments)


def _add_run_folder_flags(parser: cli.Parser) -> None:
    """Add the flags about checkpoints, evaluations and logs."""
    parser.add_argument("--save_dir", default="output", metavar="DIR", help="folder for checkpoints and logs.")
    parser.add_argument("--resume_model", metavar="DIR", help="continue from this checkpoint, e.g. output/iter_1000.")
    parser.add_argument(
        "--save_interval", type=cli.positive_int, default=1000, metavar="N", help="iterations between checkpoints."
    )
    parser.add_argument(
        "--keep_checkpoint_max",
        type=cli.natural_int,
        default=5,
        metavar="N",
        help="number of checkpoints to keep, newest first. 0 keeps all.",
    )
    parser.add_argument(
        "--do_eval",
        action="store_true",
        help="evaluate before every checkpoint, and keep the best weights in best_model.",
    )
    parser.add_argument(
        "--use_ema", action="store_true", help="also keep and evaluate moving averages of the weights (decay 0.999)."
    )
    parser.add_argument(
        "--log_iters", type=cli.positive_int, default=10, metavar="N", help="iterations between log lines."
    )
    parser.add_argument(
        "--use_vdl",
        action="store_true",
        help="write curves and sample pictures. `visualdl --logdir SAVE_DIR --language en` shows them.",
    )


def _add_schedule_flags(parser: cli.Parser) -> None:
    """Add the flags about the number and the content of the iterations."""
    parser.add_argument(
        "--iters", type=cli.positive_int, metavar="N", help="number of iterations (default: as in the file)."
    )
    parser.add_argument(
        "--batch_size", type=cli.positive_int, metavar="N", help="images per process (default: as in the file)."
    )
    parser.add_argument(
        "--learning_rate",
        type=cli.positive_float,
        metavar="R",
        help="learning rate at the start (default: as in the file).",
    )
    parser.add_argument(
        "--early_stop_intervals",
        type=cli.positive_int,
        metavar="N",
        help="with --do_eval: stop after N evaluations in a row without a better mIoU.",
    )
    parser.add_argument(
        "--seed",
        type=cli.natural_int,
        metavar="N",
        help="start of the random numbers. Two runs with the same seed draw the same numbers.",
    )
    parser.add_argument(
        "--repeats", type=cli.positive_int, default=1, metavar="N", help="use every sample N times in each epoch."
    )


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and train."""
    run_training(**vars(parse(arguments)))


def run_training(
    config: str,
    device: Optional[str],
    opts: Optional[Sequence[str]],
    learning_rate: Optional[float],
    iters: Optional[int],
    batch_size: Optional[int],
    seed: Optional[int],
    do_eval: bool,
    data_format: str,
    to_static_training: bool,
    early_stop_intervals: Optional[int],
    num_workers: int,
    **settings: Any,
) -> None:
    """Check the configuration and the data, build the parts, train.

    Args:
        settings: Arguments of ``train``. The other arguments are the flags of ``train.py``.

    Raises:
        UserError: A fault that the user can correct. Wherever possible it is found before the training starts.
    """
    if early_stop_intervals is not None and not do_eval:
        raise UserError("--early_stop_intervals watches the validation mIoU; add --do_eval.")
    cfg = load_config(config, learning_rate=learning_rate, iters=iters, batch_size=batch_size, opts=opts)
    if do_eval and not cfg.val_dataset_cfg:
        raise UserError(f"--do_eval needs a val_dataset in {config}; add one or leave the flag out.")
    if data_format == "NHWC":
        use_nhwc(cfg)
    if seed is not None:
        paddle.seed(seed)
        np.random.seed(seed)
        random.seed(seed)
    logger.info(f"Device: {cli.use_device(device)}")
    utils.set_cv2_num_threads(num_workers)

    builder = Builder(cfg, pretrained=settings.get("resume_model") is None)
    train_dataset = builder.build("train_dataset")
    check_dataset(train_dataset, "train_dataset")
    val_dataset = builder.build("val_dataset") if do_eval else None
    if do_eval:
        check_dataset(val_dataset, "val_dataset")
    utils.show_cfg_info(cfg)
    if "total_batch_size" in cfg.dic:
        # The values of the file. The command line may already follow the advice of an earlier run.
        written = {"iters": cfg.iters, **cfg.written}
        rate = written["lr_scheduler"].get("learning_rate")
        processes = paddle.distributed.ParallelEnv().nranks
        logger.info(describe_batch(cfg.dic["total_batch_size"], cfg.batch_size, processes, written["iters"], rate))
    model = convert_sync_batchnorm(builder.build("model"))
    train(
        model,
        train_dataset,
        val_dataset=val_dataset,
        optimizer=builder.build("optimizer"),
        losses=builder.build("loss"),
        iters=cfg.iters,
        batch_size=cfg.batch_size,
        num_workers=num_workers,
        test_config=cfg.test_config,
        to_static_training=to_static_training or cfg.to_static_training,
        early_stop_intervals=early_stop_intervals,
        **settings,
    )
