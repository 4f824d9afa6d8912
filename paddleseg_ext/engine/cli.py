"""What the command lines share: flags, the way they explain themselves, and how a command ends.

A command line is ``main(arguments) -> None`` and ``sys.exit(cli.run(main))``. A wrong flag or a ``UserError`` is one
sentence on stderr and exit code 1; ``--traceback`` shows where it came from.
"""

import argparse
import difflib
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Callable, Optional

import paddle

from paddleseg_ext.engine.interrupt import Interrupted
from paddleseg_ext.errors import UserError

DEVICES = ("cpu", "gpu", "xpu", "npu", "mlu")
_TRACEBACK = "--traceback"


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows every default, except where there is none to show; keeps the line breaks of the examples."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        shown = action.default not in (None, False, argparse.SUPPRESS) and "%(default)" not in text
        return text + " (default: %(default)s)" if shown and action.option_strings else text


class _Refuse(argparse.Action):
    """A flag that PaddleSeg has and this project, for a reason that ``--help`` gives, does not have."""

    def __init__(self, option_strings: list, dest: str, why: str, **unused) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs="*", default=argparse.SUPPRESS)
        self.help = f"not here: {why}."
        self.metavar = ""
        self.why = why

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        # Some of PaddleSeg's switches are written `--use_trt False`, which asks for nothing.
        if [value.lower() for value in values] == ["false"]:
            return
        raise UserError(f"{option_string} is a flag of PaddleSeg that {parser.prog} does not have: {self.why}.")


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are ``UserError`` sentences that name the nearest flag.

    Any beginning of a flag that no other flag shares stands for it, as in PaddleSeg's parsers. Between words ``-`` and
    ``_`` are alike.

    Args:
        description: What the command does, in a sentence or two.
        examples: Command lines to copy, shown at the end of ``--help``.
    """

    def __init__(self, description: str, examples: str) -> None:
        super().__init__(
            description=description,
            epilog="examples:\n" + "\n".join("  " + line.strip() for line in examples.strip().splitlines()),
            formatter_class=_Formatter,
            # Not argparse's own way, which differs between versions of Python and knows neither give_way nor a hint.
            allow_abbrev=False,
        )
        self._giving_way = {_TRACEBACK}
        self.add_argument(
            _TRACEBACK, action="store_true", help="when something goes wrong, show where in the code it happened."
        )

    def parse_known_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> tuple:
        """As argparse; flags may be shortened, and a misspelt one is reported before what is missing because of it."""
        return super().parse_known_args(self._written_out(args), namespace)

    def parse_known_intermixed_args(self, args: Optional[Sequence[str]] = None, namespace: Any = None) -> tuple:
        """As ``parse_known_args``; words may stand between the flags."""
        return super().parse_known_intermixed_args(self._written_out(args), namespace)

    def give_way(self, *flags: str) -> None:
        """Note that PaddleSeg does not have ``flags``: a beginning that is one of its flags' stays that flag's."""
        self._giving_way.update(flags)

    def _written_out(self, args: Optional[Sequence[str]]) -> list:
        """The words of a command line with each flag in full."""
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        for index, word in enumerate(words[:end]):
            if word.startswith("--"):
                flag, *value = word.split("=", 1)
                words[index] = "=".join([self._full(flag), *value])
        return words

    def _full(self, flag: str) -> str:
        """The flag that ``flag`` is, or is the beginning of."""
        known = list(self._option_string_actions)
        if flag in known:
            return flag
        begun = [name for name in known if name.replace("-", "_").startswith(flag.replace("-", "_"))]
        found = [name for name in begun if name not in self._giving_way] or begun
        if len(found) > 1:
            raise UserError(f"{flag} may be {', '.join(begun[:-1])} or {begun[-1]}; write more of the one you mean.")
        if not found:
            near = difflib.get_close_matches(flag, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "--help lists the flags."
            raise UserError(f"{self.prog} does not know {flag}; {hint}")
        return found[0]

    def error(self, message: str) -> None:
        """Raise the ``UserError`` for what argparse found wrong."""
        raise UserError(f"{message}; {self.prog} --help explains every flag.")

    def refuse(self, *flags: str, why: str) -> None:
        """Name PaddleSeg's ``flags`` in ``--help`` with the reason why they are missing; using one is an error."""
        self.add_argument(*flags, action=_Refuse, why=why)


def positive_int(text: str) -> int:
    """The whole number from 1 up that ``text`` says."""
    return _number(text, int, 1, "a whole number from 1 up")


def natural_int(text: str) -> int:
    """The whole number from 0 up that ``text`` says."""
    return _number(text, int, 0, "a whole number from 0 up")


def positive_float(text: str) -> float:
    """The number above 0 that ``text`` says."""
    value = _number(text, float, 0, "a number above 0")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _number(text: str, kind: Callable, least: float, words: str):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not value >= least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
    return value


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


def check_inference_flags(is_slide: bool, crop_size: Optional[Sequence[int]], stride: Optional[Sequence[int]]) -> None:
    """Raise ``UserError`` unless a sliding window has a size and steps that leave no pixel out."""
    if not is_slide:
        return
    if crop_size is None or stride is None:
        raise UserError("--is_slide needs --crop_size W H and --stride W H, e.g. --crop_size 512 512 --stride 341 341.")
    if stride[0] > crop_size[0] or stride[1] > crop_size[1]:
        raise UserError(
            f"--stride {stride[0]} {stride[1]} is larger than --crop_size {crop_size[0]} {crop_size[1]}, "
            "so pixels between the windows would never be seen; make it smaller."
        )


def use_device(name: Optional[str]) -> str:
    """Make ``name`` Paddle's device and return it; ``None`` means the GPU where there is one, else the CPU."""
    cuda = paddle.is_compiled_with_cuda()
    custom = paddle.device.get_all_custom_device_type() or []
    has = {
        "cpu": True,
        "gpu": cuda and paddle.device.cuda.device_count() > 0,
        "xpu": paddle.is_compiled_with_xpu(),
        "npu": "npu" in custom,
        "mlu": "mlu" in custom,
    }
    if name is None:
        name = "gpu" if has["gpu"] else "cpu"
    if not has[name]:
        built = "finds no such device" if name == "gpu" and cuda else "is not built for it"
        raise UserError(
            f"--device {name}: the installed Paddle {paddle.__version__} {built}; use --device cpu or install another."
        )
    paddle.set_device(name)
    return name


def run(main: Callable[[Sequence[str]], None], arguments: Optional[Sequence[str]] = None) -> int:
    """Call ``main`` with the words of the command line and return the exit code.

    0 is success, 1 something the user can put right (or a fault of ours, named as such), 130 or 143 a stop by
    Ctrl-C or SIGTERM. Every one of them is a sentence on stderr, and with ``--traceback`` a traceback before it.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        main(arguments)
        return 0
    except (Exception, KeyboardInterrupt) as error:
        code, sentence = _ending(error)
        # Asked of the words, as what went wrong may be one of them. Shortened to what is another flag's as well, it is
        # an error by itself, which may come with a traceback.
        if any(len(word) > 2 and _TRACEBACK.startswith(word) for word in arguments):
            traceback.print_exc()
        elif not isinstance(error, (UserError, KeyboardInterrupt)):
            sentence += "\nThis looks like a fault of the program; run again with --traceback and report what it shows."
        print(sentence, file=sys.stderr, flush=True)
        return code


def _ending(error: BaseException) -> tuple:
    """Exit code and sentence for what ended a command."""
    if isinstance(error, UserError):
        return 1, f"error: {error}"
    if isinstance(error, Interrupted):
        return error.exit_code, f"stopped: {error}"
    if isinstance(error, KeyboardInterrupt):
        return 130, "stopped: interrupted before there was anything to save."
    # Not the user's doing: say what it is and never pretend otherwise.
    return 1, f"error: unexpected {type(error).__name__}: {error}"
