"""The flags that several commands share."""

from paddleseg_ext.cli.device import DEVICES
from paddleseg_ext.cli.parser import Parser, natural_int, positive_float, positive_int


def add_config_flags(parser: Parser) -> None:
    """Add ``--config`` and ``--opts``."""
    parser.add_argument("--config", required=True, metavar="FILE.yml", help="the YAML file that describes the work.")
    parser.add_argument(
        "--opts",
        nargs="+",
        metavar="KEY=VALUE",
        help="overrule keys of the YAML file; dots go deeper, numbers count list items from 0: "
        "`--opts model.backbone.pretrained=null train_dataset.transforms.0.crop_size=[64,64]`.",
    )


def add_device_flag(parser: Parser) -> None:
    """Add ``--device``; hand its value to ``use_device``."""
    parser.add_argument(
        "--device",
        choices=DEVICES,
        metavar="{" + ",".join(DEVICES) + "}",
        help="where to compute (default: gpu if Paddle is built for CUDA and a card is there, else cpu).",
    )


def add_workers_flag(parser: Parser) -> None:
    """Add ``--num_workers``."""
    parser.add_argument(
        "--num_workers",
        type=natural_int,
        default=0,
        metavar="N",
        help="processes that read and transform images in the background; 0 reads in the main process.",
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
        help="O1 casts operator by operator; O2 keeps the weights themselves in fp16. Only with --precision fp16.",
    )


def add_model_path_flag(parser: Parser, or_exported: bool = False) -> None:
    """Add ``--model_path``.

    Args:
        or_exported: Also add ``--exported``; one of the two has to be given.
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
            help="instead of weights, the folder that export.py wrote: what Paddle Inference makes of the validation "
            "set, prepared and put together as its deploy.yaml says.",
        )


def add_picture_flags(parser: Parser, save_dir: str, video: bool = False) -> None:
    """Add ``--image_path``, ``--save_dir``, ``--device_id`` and ``--custom_color``, of whatever segments images.

    Args:
        save_dir: The default of ``--save_dir``.
        video: Whether ``--image_path`` may name a video.
    """
    parser.add_argument(
        "--image_path",
        required=True,
        metavar="PATH",
        help="an image, a folder of images, or a text file with one image per line, relative to that file"
        + ("; or a video." if video else "."),
    )
    parser.add_argument(
        "--save_dir",
        default=save_dir,
        metavar="DIR",
        help="gets label/ (class indices), pseudo_color_prediction/ and added_prediction/ (overlay with a legend).",
    )
    parser.add_argument(
        "--device_id", type=natural_int, default=0, metavar="N", help="which card, where there are several."
    )
    parser.give_way("--device_id")
    parser.add_argument(
        "--custom_color",
        nargs="+",
        type=natural_int,
        metavar="N",
        help="red green blue of class 0, of class 1 and so on, instead of the data set's or PaddleSeg's colours.",
    )


def add_inference_flags(parser: Parser, augment: str) -> None:
    """Add the flags of test-time augmentation and sliding windows.

    Args:
        augment: PaddleSeg's name for the switch: ``--aug_eval`` in val.py, ``--aug_pred`` in predict.py.
    """
    parser.add_argument(
        augment, action="store_true", help="average over the --scales and flips below instead of one plain pass."
    )
    parser.add_argument(
        "--scales",
        nargs="+",
        type=positive_float,
        metavar="S",
        help=f"sizes to average over with {augment}, e.g. `--scales 0.75 1.0 1.25` "
        "(default: those of test_config in the YAML file, or 1.0).",
    )
    parser.add_argument("--flip_horizontal", action="store_true", help=f"with {augment}, also left-right mirrored.")
    parser.add_argument("--flip_vertical", action="store_true", help=f"with {augment}, also upside down.")
    parser.add_argument(
        "--is_slide",
        action="store_true",
        help="move a window over the image; needs --crop_size and --stride, unless test_config has them.",
    )
    parser.add_argument(
        "--crop_size", nargs=2, type=positive_int, metavar=("W", "H"), help="the window of --is_slide, in pixels."
    )
    parser.add_argument(
        "--stride",
        nargs=2,
        type=positive_int,
        metavar=("W", "H"),
        help="how far the window of --is_slide moves, in pixels; at most --crop_size.",
    )
