"""``python -m paddleseg_ext.parity``: compare one of our models with a published implementation, step by step."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import paddleseg_ext  # noqa: F401  before paddle: see there
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.parity import files, limits, our_side, report
from paddleseg_ext.parity.peer_process import PEER_SIDE, PeerProcess, find_python

EXAMPLES = """
python -m paddleseg_ext.parity --peer mmseg --model pspnet
python -m paddleseg_ext.parity --peer ssseg --model psanet --depth 50 --size 97 97 --mask_size 66 66 --steps forward
"""
DTYPES = ("float32", "float64")


def parse(arguments: Sequence[str]) -> Namespace:
    """The flags of the command line."""
    parser = cli.Parser(
        "Compare one of our models with SSSegmentation's or mmsegmentation's, by the steps of Paddle's guide to "
        "reproducing a paper, on weights and images drawn from a seed. The peer runs in its own environment, which "
        "tools/peers_environment.sh makes. The exit code is 1 if a difference is above its limit.",
        EXAMPLES,
    )
    parser.prog = "python -m paddleseg_ext.parity"
    defaults = our_side.default_settings()
    parser.add_argument("--peer", required=True, choices=("ssseg", "mmseg"), help="the published implementation.")
    parser.add_argument("--model", required=True, choices=our_side.MODELS, help="the model.")
    parser.add_argument(
        "--depth", type=int, choices=(18, 50, 101), default=defaults["depth"], help="depth of the ResNet."
    )
    parser.add_argument(
        "--output_stride",
        type=int,
        choices=(8, 16),
        default=defaults["output_stride"],
        help="output stride of the backbone.",
    )
    for name, what in (("size", "of the images"), ("mask_size", "of PSANet's mask")):
        parser.add_argument(
            f"--{name}",
            type=cli.positive_int,
            nargs=2,
            metavar=("H", "W"),
            default=defaults[name],
            help=f"height and width {what}.",
        )
    parser.add_argument(
        "--align_corners", action="store_true", help="align corners, as in mmsegmentation's 769x769 recipes."
    )
    parser.add_argument(
        "--seed", type=cli.natural_int, default=defaults["seed"], help="seed of the weights and images."
    )
    parser.add_argument(
        "--base_channels",
        type=cli.positive_int,
        default=defaults["base_channels"],
        help="width of the ResNet's first stage; all other widths follow. Fewer channels make the comparison faster.",
    )
    parser.add_argument(
        "--training_batches",
        type=cli.positive_int,
        metavar="N",
        default=defaults["training_batches"],
        help="different batches for the 20 iterations of the train step; 20 gives each its own, 1 repeats one.",
    )
    parser.add_argument(
        "--steps", nargs="+", choices=our_side.STEPS, default=defaults["steps"], help="the steps to compare."
    )
    parser.add_argument(
        "--dtype", nargs="+", choices=DTYPES, default=defaults["dtypes"], help="the precisions to compare in."
    )
    parser.add_argument(
        "--save_dir",
        metavar="DIR",
        default="output/parity",
        help="folder for DTYPE/STEP_paddle.npy and STEP_torch.npy, which reprod_log reads, and STEP_diff.txt.",
    )
    parser.add_argument("--report", metavar="FILE.md", help="Markdown file with a table to write the result into.")
    parser.add_argument("--peers_python", metavar="FILE", help="the Python interpreter of the peers' environment.")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Compare, print and write; see ``--help``."""
    flags = parse(arguments)
    python = find_python(flags.peers_python)
    if min(flags.size) < 16 or flags.base_channels % 8:
        raise UserError(
            f"--size is {' '.join(map(str, flags.size))} and must be 16 or more; --base_channels is "
            f"{flags.base_channels} and must be a multiple of 8."
        )
    settings = our_side.default_settings(
        **{name: value for name, value in vars(flags).items() if name in our_side.default_settings()},
        peer=flags.peer,
        model=flags.model,
        dtypes=flags.dtype,
    )
    with PeerProcess(python, PEER_SIDE / "protocol.py") as peer:
        theirs = peer(settings)
    ours = our_side.run(settings)
    found = limits.differences(ours, theirs, settings["depth"])
    folder = Path(flags.save_dir)
    paths = [*files.save(folder, "torch", theirs), *files.save(folder, "paddle", ours)]
    files.save_differences(folder, found)
    for difference in limits.worst(found).values():
        print(difference)
    drift = limits.drift(theirs)
    if drift is not None:
        print(f"the peer's own float32 losses differ from its float64 losses by up to {drift:.1e}")
    if flags.report:
        report.write(flags.report, report.row(settings, found, drift))
    print(f"wrote {len(paths)} files of arrays and the differences of {len(found)} entries to {folder}")
    failed = [difference for difference in found if difference.failed]
    if failed:
        raise UserError(f"{len(failed)} of {len(found)} entries are above their limit; the first is {failed[0]}.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
