"""``python -m paddleseg_ext.parity``: one of our models beside a published implementation, step by step."""

import sys
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


def parse(arguments: Sequence[str]):
    """The flags of the command line."""
    parser = cli.Parser(
        "Compares one of our models with SSSegmentation's or mmsegmentation's, by the steps of Paddle's guide to "
        "reproducing a paper, on weights and images drawn from a seed. The peer runs in an environment and a process "
        "of its own: tools/peers_environment.sh makes the former. Exits with 1 if a difference is beyond its limit.",
        EXAMPLES,
    )
    parser.prog = "python -m paddleseg_ext.parity"
    defaults = our_side.default_settings()
    parser.add_argument("--peer", required=True, choices=("ssseg", "mmseg"), help="whose implementation.")
    parser.add_argument("--model", required=True, choices=our_side.MODELS, help="which model.")
    parser.add_argument("--depth", type=int, choices=(18, 50, 101), default=defaults["depth"], help="of the ResNet.")
    parser.add_argument(
        "--output_stride", type=int, choices=(8, 16), default=defaults["output_stride"], help="of the backbone."
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
    parser.add_argument("--align_corners", action="store_true", help="as in mmsegmentation's 769x769 recipes.")
    parser.add_argument("--seed", type=cli.natural_int, default=defaults["seed"], help="of the weights and images.")
    parser.add_argument(
        "--base_channels",
        type=cli.positive_int,
        default=defaults["base_channels"],
        help="width of the ResNet's first stage; all others and the heads follow. A smaller one is a quick look.",
    )
    parser.add_argument(
        "--training_batches",
        type=cli.positive_int,
        metavar="N",
        default=defaults["training_batches"],
        help="how many different batches the step train takes in turn: 20, one for each of its steps; 1 repeats one.",
    )
    parser.add_argument(
        "--steps", nargs="+", choices=our_side.STEPS, default=defaults["steps"], help="what to compare."
    )
    parser.add_argument("--dtype", nargs="+", choices=DTYPES, default=defaults["dtypes"], help="in which precision.")
    parser.add_argument(
        "--save_dir",
        metavar="DIR",
        default="output/parity",
        help="for DTYPE/STEP_paddle.npy and STEP_torch.npy, which reprod_log reads, and STEP_diff.txt.",
    )
    parser.add_argument("--report", metavar="FILE.md", help="a Markdown table to write the result into.")
    parser.add_argument("--peers_python", metavar="FILE", help="the interpreter that has the peers.")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Do what the command line asks."""
    flags = parse(arguments)
    python = find_python(flags.peers_python)
    if min(flags.size) < 16 or flags.base_channels % 8:
        raise UserError("--size must be 16 or more, and --base_channels a multiple of 8.")
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
        print(f"the peer's own float32 is up to {drift:.1e} from its float64 in these steps")
    if flags.report:
        report.write(flags.report, report.row(settings, found, drift))
    print(f"wrote {len(paths)} files of arrays and the differences of all {len(found)} entries to {folder}")
    failed = [difference for difference in found if difference.failed]
    if failed:
        raise UserError(f"{len(failed)} of {len(found)} entries are beyond their limit, the first: {failed[0]}.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
