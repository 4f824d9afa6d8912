"""From the flags of ``train.py`` to a training run."""

import random
from typing import Any, Optional

import numpy as np
import paddle
from paddleseg.utils import logger, utils

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.build import Builder, convert_sync_batchnorm
from paddleseg_ext.engine.config import load_config, use_nhwc
from paddleseg_ext.engine.samples import check_dataset
from paddleseg_ext.engine.total_batch import describe_batch
from paddleseg_ext.engine.train import train
from paddleseg_ext.errors import UserError


def run_training(
    config: str,
    device: Optional[str],
    opts: Optional[list],
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
        settings: Handed to ``train``; the other arguments are the flags of ``train.py``.

    Raises:
        UserError: Anything the user can put right, before the training starts wherever possible.
    """
    settings.pop("traceback", None)
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
        # What the file says, not the command line, which may have followed an earlier advice.
        iters, rate = cfg.written.get("iters", cfg.iters), cfg.written["lr_scheduler"].get("learning_rate")
        processes = paddle.distributed.ParallelEnv().nranks
        logger.info(describe_batch(cfg.dic["total_batch_size"], cfg.batch_size, processes, iters, rate))
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
