"""``python -m paddleseg_ext.zoo``: list, show, check and convert the published rows."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Optional

import paddleseg_ext  # noqa: F401  before paddle: see there
from paddleseg_ext import cli
from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo import listing, readme
from paddleseg_ext.zoo.table import CONFIGS, authors, find_row, published, select

EXAMPLES = """
python -m paddleseg_ext.zoo list --model psanet --dataset ade20k
python -m paddleseg_ext.zoo show psanet_r50-d8_4xb4-80k_ade20k-512x512
python -m paddleseg_ext.zoo check
python -m paddleseg_ext.zoo convert psanet_resnet50_os8_voc12aug_512x512_60e_ssseg
python -m paddleseg_ext.zoo convert psanet_resnet50_os8_voc12aug_512x512_60e_ssseg --checkpoint downloads/psanet.pth
"""
COMMANDS = {
    "list": "print one line for each row.",
    "show": "print all published facts of the ROWs.",
    "check": "build the YAML files of the ROWs (default: all, and the authors' own) and compare them with the "
    "published facts.",
    "convert": "fetch and convert the published checkpoint of a ROW, and print how to evaluate it and the published "
    "figures.",
    "readme": "write the tables in configs/*/README.md again.",
}


def parse(arguments: Sequence[str]) -> Namespace:
    """The words and flags of the command line."""
    parser = cli.Parser(
        "The 47 rows that SSSegmentation (PSANet, PSPNet, ISANet), mmsegmentation (PSANet) and PSANet_paddle publish.\n"
        "All figures are the publishers' own.",
        EXAMPLES,
    )
    parser.prog = "python -m paddleseg_ext.zoo"
    parser.add_argument(
        "command", choices=COMMANDS, help=" ".join(f"{name}: {does}" for name, does in COMMANDS.items())
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help="for show, check and convert: a row's name, its YAML file, or the publisher's name of it.",
    )
    parser.add_argument("--model", metavar="NAME", help="list and check: only PSANet, PSPNet or ISANet.")
    parser.add_argument("--dataset", metavar="NAME", help="list and check: only cityscapes, ade20k or voc12aug.")
    parser.add_argument(
        "--implementation",
        "--source",
        metavar="NAME",
        help="list and check: only ssseg, mmseg or psanet_paddle.",
    )
    parser.add_argument("--json", action="store_true", help="list and show: print JSON.")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="convert: the published file, if you have it; it is then not fetched.",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="convert: folder for model.pdparams and the fetched file (default: output/zoo/ROW).",
    )
    # Flags may stand between the command and its rows.
    return parser.parse_intermixed_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``--help``."""
    flags = parse(arguments)
    selected = select(flags.model, flags.dataset, flags.implementation)
    if flags.command in ("list", "readme") and flags.rows:
        raise UserError(f"{flags.command} takes no rows; use `show {flags.rows[0]}`.")
    if flags.command != "convert" and (flags.checkpoint or flags.output):
        raise UserError(f"--checkpoint and --output are flags of convert, not of {flags.command}; leave them out.")
    rows = [find_row(row, among_authors=flags.command == "check") for row in flags.rows]
    if flags.command == "list":
        _list(selected, flags.json)
    elif flags.command == "show":
        if not rows:
            raise UserError("show needs the name of a row; `python -m paddleseg_ext.zoo list` prints them.")
        _show(rows, flags.json)
    elif flags.command == "convert":
        _convert(rows, flags.checkpoint, flags.output)
    elif flags.command == "check":
        if not rows and selected == list(published()):
            _check(list(authors()), "the authors' own configurations: ")
        _check([name for name in rows or published() if name in selected or name in authors()])
    else:
        _require_configs()
        for path in readme.write():
            print(f"wrote {path}")


def _list(names: Sequence[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps([listing.summary(name) for name in names], indent=1))
    else:
        print(listing.list_rows(names) if names else "no row matches all of these.")


def _show(names: Sequence[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps([listing.facts(name) for name in names], indent=1))
    else:
        print("\n\n".join(listing.show_row(name) for name in names))


def _check(names: Sequence[str], what: str = "") -> None:
    # Only this command and convert need Paddle's models.
    from paddleseg_ext.zoo.check import check_row

    _require_configs()
    backbones: dict[tuple[str, str], Any] = {}
    good = 0
    for name in names:
        found = check_row(name, backbones)
        good += not found
        for difference in found:
            print(f"{name}: {difference}", flush=True)
    print(f"{what}{good} of {len(names)}")
    if good < len(names):
        raise UserError("the YAML files of the rows above differ from the published facts; correct them.")


def _convert(names: Sequence[str], checkpoint: Optional[str], output: Optional[str]) -> None:
    if len(names) != 1:
        raise UserError("convert needs the name of one row; `python -m paddleseg_ext.zoo list` prints them.")
    # See _check.
    from paddleseg_ext.zoo.convert import convert_row

    _require_configs()
    print(convert_row(names[0], checkpoint, output))


def _require_configs() -> None:
    if not CONFIGS.is_dir():
        raise UserError(f"the folder {CONFIGS} is missing; use a clone of the repository, which has the YAML files.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
