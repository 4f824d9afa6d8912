"""A configuration without its keys for training: what evaluation, prediction and export read."""

from typing import Any

from paddleseg_ext.errors import UserError

TRAINING_KEYS = ("batch_size", "total_batch_size", "iters", "optimizer", "lr_scheduler", "loss", "distill_loss")


def without_training(dic: dict[str, Any], path: str) -> dict[str, Any]:
    """The configuration without ``TRAINING_KEYS`` and without the transforms of the training set.

    Args:
        dic: The configuration.
        path: Its file, for the sentence of an error.

    Raises:
        UserError: It describes no model, or no data set.
    """
    if "model" not in dic:
        raise UserError(f"{path} has no model; add one.")
    if not dic.get("train_dataset") and not dic.get("val_dataset"):
        raise UserError(f"{path} has no val_dataset, which names the classes; add one.")
    dic = {key: value for key, value in dic.items() if key not in TRAINING_KEYS}
    # PaddleSeg takes the classes from the training set. Its transforms do not matter for that.
    dic["train_dataset"] = {**(dic.get("train_dataset") or dic["val_dataset"]), "transforms": []}
    return dic
