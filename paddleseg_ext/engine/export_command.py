"""From the flags of ``export.py`` to an exported folder."""

import os
from collections.abc import Sequence
from typing import Optional

import paddle
from paddleseg.utils import logger

from paddleseg_ext.engine.build import Builder
from paddleseg_ext.engine.checkpoint import load_weights
from paddleseg_ext.engine.config import load_config
from paddleseg_ext.engine.configured_classes import classes_of, image_channels
from paddleseg_ext.engine.export import export
from paddleseg_ext.ops import backend


def run_export(
    config: str,
    model_path: str,
    save_dir: str,
    input_shape: Optional[Sequence[int]],
    output_op: str,
    ops: Optional[str] = None,
    opts: Optional[Sequence[str]] = None,
    traceback: bool = False,
) -> None:
    """Check the configuration and the weights, then export and compare. The arguments are the flags of ``export.py``.

    Raises:
        UserError: Anything the user can put right, or an export that differs from the model.
    """
    if ops:
        os.environ[backend.VARIABLE] = ops
        backend.selected_backend.cache_clear()
    # Traced and compared on the CPU: no card is needed, and none with its own rounding has a say.
    paddle.set_device("cpu")
    cfg = load_config(config, opts=opts)
    builder = Builder(cfg, pretrained=False)
    names, colours = classes_of(builder)
    # PaddleSeg's `export` section may ask for other steps than the validation's.
    steps = (cfg.dic.get("export") or {}).get("transforms") or cfg.val_dataset_cfg.get("transforms", [])
    model = builder.build("model")
    load_weights(model, model_path)
    path = export(
        model,
        save_dir,
        steps,
        names,
        colours,
        input_shape=input_shape,
        output_op=output_op,
        img_channels=image_channels(builder),
    )
    logger.info(f"Exported to {path.parent}; try: python deploy/python/infer.py --config {path} --image_path IMAGE")
