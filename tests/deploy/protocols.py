"""Test protocols of a YAML, and the output that an export of each has."""

RESIZE = {"type": "ResizeByRatio", "base_size": [110, 70]}
PAD = {"type": "PadToSize", "target_size": [112, 80]}
NORMALIZE = {"type": "Normalize"}
BGR = {**NORMALIZE, "mean": [103.0, 116.0, 123.0], "std": [60.0, 60.0, 60.0], "scale": 1, "channel_order": "BGR"}
LONG = {"type": "ResizeByLong", "long_size": 90}
AT_LEAST = {"type": "PadToSize", "target_size": [64, 64], "position": "center", "at_least": True}
SEMSEG = {"aug_eval": True, "flip_horizontal": True, "aug_average": "window", "aug_rescale": "base"}
CUBIC = {"interpolation": "cubic"}
WINDOWS = {"is_slide": True, "crop_size": [64, 48], "stride": [40, 33]}
# What val_dataset does to images, test_config, and what auto makes of the two.
PROTOCOLS = {
    "whole": ([NORMALIZE], {}, "argmax"),
    "padded": ([NORMALIZE, PAD], {}, "argmax"),
    "resized": ([RESIZE, NORMALIZE], {"align_corners": True}, "none"),
    "resized once": ([RESIZE, NORMALIZE], {"resize_once": True}, "features"),
    "resized once, own size": ([NORMALIZE], {"resize_once": True}, "argmax"),
    "padded all round": ([BGR, {**PAD, "position": "center"}], {}, "argmax"),
    "cubic": ([{**RESIZE, "fit": "cover"}, BGR, {"type": "PadToSize", "size_divisor": 8}], CUBIC, "none"),
    "windows as semseg": ([LONG, NORMALIZE, AT_LEAST], {**WINDOWS, **SEMSEG}, "none"),
    "windows": ([NORMALIZE], WINDOWS, "none"),
    "resized windows": ([RESIZE, NORMALIZE], {**WINDOWS, "slide_batch_size": 3}, "none"),
    "averaged": ([NORMALIZE], {"aug_eval": True, "scales": [0.75, 1.0], "flip_horizontal": True}, "none"),
    "averaged over views": (
        [RESIZE, NORMALIZE],
        {"aug_eval": True, "scales": [0.8, 1.1], "aug_rescale": "image", "aug_average": "softmax"},
        "none",
    ),
}
