"""The flags that several commands share."""

from paddleseg_ext.cli.device import DEVICES
from paddleseg_ext.cli.parser import Parser, natural_int, positive_float, positive_int


def add_config_flags(parser: Parser) -> None:
    """Add ``--config`` and ``--opts``."""
    parser.add_argument(
        "--config", required=True, metavar="FILE.yml", help="the YAML file that describes model, data and training."
    )
    parser.add_argument(
        "--opts",
        nargs="+",
        metavar="KEY=VALUE",
        help="change keys of the YAML file. A dot enters a key. A number is the place in a list, from 0. "
        "Example: `--opts model.backbone.pretrained=null train_dataset.transforms.0.crop_size=[64,64]`.",
    )


def add_device_flag(parser: Parser) -> None:
    """Add ``--device``; hand its value to ``use_device``."""
    parser.add_argument(
        "--device",
        choices=DEVICES,
        metavar="{" + ",".join(DEVICES) + "}",
        help="the device that computes (default: gpu if Paddle is built for CUDA and finds a card, else cpu).",
    )


def add_workers_flag(parser: Parser) -> None:
    """Add ``--num_workers``."""
    parser.add_argument(
        "--num_workers",
        type=natural_int,
        default=0,
        metavar="N",
        help="number of processes that read and transform images in the background. 0: the main process does it.",
    )


def add_precision_flags(parser: Parser) -> None:
    """Add ``--precision`` and ``--amp_level``."""
    parser.add_argument(
        "--precision", choices=("fp32", "fp16"), default="fp32", help="fp16 is mixed precision (AMP), for a GPU."
    )
    parser.add_argument(
        "--amp_level",
        choices=("O1", "O2"),
        default="O1",
        help="for --precision fp16. O1 casts operator by operator. O2 also keeps the weights in fp16.",
    )


def add_data_format_flag(parser: Parser) -> None:
    """Add ``--data_format``; hand NHWC to ``use_nhwc``."""
    parser.add_argument(
        "--data_format",
        choices=("NCHW", "NHWC"),
        default="NCHW",
        help="order of the axes of an image. Only DeepLabV3P can use NHWC.",
    )


def add_model_path_flag(parser: Parser, or_exported: bool = False) -> None:
    """Add ``--model_path``.

    Args:
        or_exported: Also add ``--exported``. The user then has to give one of the two.
    """
    flags = parser.add_mutually_exclusive_group(required=True)
    flags.add_argument(
        "--model_path",
        metavar="FILE.pdparams",
        help="the trained weights, e.g. output/best_model/model.pdparams, or the folder that holds model.pdparams.",
    )
    if or_exported:
        flags.add_argument(
            "--exported",
            metavar="DIR",
            help="a folder that export.py wrote, instead of --model_path: evaluate that export with Paddle Inference. "
            "Its deploy.yaml sets the preprocessing and the protocol.",
        )


def add_picture_flags(parser: Parser, save_dir: str, video: bool = False) -> None:
    """Add the flags of a command that segments images: ``--image_path``, ``--save_dir``, ``--device_id`` and
    ``--custom_color``.

    Args:
        save_dir: The default of ``--save_dir``.
        video: Whether ``--image_path`` may name a video.
    """
    parser.add_argument(
        "--image_path",
        required=True,
        metavar="PATH",
        help=f"an image, {'a video, ' if video else ''}a folder of images, or a text file with one image per line. "
        "A path in the text file is relative to the folder of that file.",
    )
    parser.add_argument(
        "--save_dir",
        default=save_dir,
        metavar="DIR",
        help="folder for the results: label/ (class indices), pseudo_color_prediction/ and added_prediction/ (overlay "
        "with a legend).",
    )
    parser.add_argument("--device_id", type=natural_int, default=0, metavar="N", help="index of the card, from 0.")
    parser.give_way("--device_id")
    parser.add_argument(
        "--custom_color",
        nargs="+",
        type=natural_int,
        metavar="N",
        help="colors of the classes: red, green and blue of class 0, then of class 1, and so on (default: the colors "
        "of the data set, or PaddleSeg's).",
    )


def add_inference_flags(parser: Parser, augment: str) -> None:
    """Add the flags of test-time augmentation and sliding windows.

    Args:
        augment: PaddleSeg's name for the switch: ``--aug_eval`` in val.py, ``--aug_pred`` in predict.py.
    """
    parser.add_argument(
        augment,
        action="store_true",
        help="run the model on several versions of each image and average (test-time augmentation). --scales and the "
        "flips say which versions.",
    )
    parser.add_argument(
        "--scales",
        nargs="+",
        type=positive_float,
        metavar="S",
        help=f"with {augment}: factors of the image size, e.g. `--scales 0.75 1.0 1.25` "
        "(default: the scales in test_config of the YAML file, or 1.0).",
    )
    parser.add_argument(
        "--flip_horizontal", action="store_true", help=f"with {augment}: also the image mirrored left to right."
    )
    parser.add_argument("--flip_vertical", action="store_true", help=f"with {augment}: also the image upside down.")
    parser.add_argument(
        "--is_slide",
        action="store_true",
        help="move a window over the image. Needs --crop_size and --stride, unless test_config has them.",
    )
    parser.add_argument(
        "--crop_size", nargs=2, type=positive_int, metavar=("W", "H"), help="with --is_slide: window size in pixels."
    )
    parser.add_argument(
        "--stride",
        nargs=2,
        type=positive_int,
        metavar=("W", "H"),
        help="with --is_slide: step of the window in pixels. At most --crop_size.",
    )
