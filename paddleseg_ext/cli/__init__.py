"""The parts of a command line: parser, flags, progress, and its end."""

from paddleseg_ext.cli.device import use_device
from paddleseg_ext.cli.flags import (
    add_config_flags,
    add_data_format_flag,
    add_device_flag,
    add_inference_flags,
    add_model_path_flag,
    add_picture_flags,
    add_precision_flags,
    add_workers_flag,
)
from paddleseg_ext.cli.parser import Parser, natural_int, positive_float, positive_int
from paddleseg_ext.cli.run import run

__all__ = [
    "Parser",
    "add_config_flags",
    "add_data_format_flag",
    "add_device_flag",
    "add_inference_flags",
    "add_model_path_flag",
    "add_picture_flags",
    "add_precision_flags",
    "add_workers_flag",
    "natural_int",
    "positive_float",
    "positive_int",
    "run",
    "use_device",
]
