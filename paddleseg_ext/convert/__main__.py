"""``python -m paddleseg_ext.convert``: a published checkpoint becomes Paddle weights."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import yaml

import paddleseg_ext  # noqa: F401  before paddle: see there
from paddleseg_ext import cli
from paddleseg_ext.convert.conversion import Conversion, convert_weights
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.output import convert_file, record_path
from paddleseg_ext.convert.written_config import fitting_config
from paddleseg_ext.errors import UserError

EXAMPLES = """
python -m paddleseg_ext.convert my.pth --config my.yml --dry-run                      # print the new names
python -m paddleseg_ext.convert my.pth --config my.yml --output my.pdparams
python -m paddleseg_ext.convert my.pth --config my.yml --output my.pdparams --opts model.mask_size=[66,66]
python -m paddleseg_ext.convert my.pth --config near.yml --output my.pdparams --write_config my.yml
python -m paddleseg_ext.convert resnet50_v1c-2cccc1ad.pth --config my.yml --output resnet50_v1c.pdparams
python val.py --config my.yml --model_path my.pdparams                                # evaluate the result
python -m paddleseg_ext.zoo convert ROW                                               # a published row, by its name
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags of the command line."""
    parser = cli.Parser(
        "Convert a checkpoint of PSPNet, PSANet or ISANet, or of an ImageNet backbone, to a file that val.py,\n"
        "predict.py, export.py and train.py load. torch is not needed. No code of the file runs.\n"
        "The YAML says which model it is; if the weights do not fit, the error lists the values that do.\n"
        "A file of ImageNet weights fills the backbone of the YAML, for `pretrained`.",
        EXAMPLES,
    )
    parser.prog = "python -m paddleseg_ext.convert"
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a .pth, .safetensors, .pdparams or .tar.gz file.")
    cli.add_config_flags(parser)
    parser.add_argument(
        "--output",
        metavar="FILE.pdparams",
        help="where to write the weights; FILE.pdparams.json beside it says where they come from.",
    )
    parser.add_argument(
        "--write_config",
        metavar="NEW.yml",
        help="also write a YAML that fits the checkpoint, from model to test protocol, made from --config.",
    )
    parser.add_argument(
        "--implementation",
        "--source",
        choices=IMPLEMENTATIONS,
        metavar="NAME",
        help=f"the implementation; by default the names decide. One of {', '.join(IMPLEMENTATIONS)}.",
    )
    parser.add_argument(
        "--entry",
        metavar="NAME",
        help="which entry of the checkpoint to take, e.g. model_ema (default: state_dict or model, if there is one).",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the new name of each name in the checkpoint; write nothing.",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and convert."""
    flags = parse(arguments)
    if flags.output is None and not flags.dry_run:
        raise UserError("--output names the file to write; --dry-run writes none.")
    if flags.output is not None and not flags.output.endswith(".pdparams"):
        raise UserError(f"--output {flags.output}: Paddle's weights end in .pdparams; call it so.")
    if flags.write_config is not None and flags.dry_run:
        raise UserError("--write_config writes a file and --dry-run writes none; leave one out.")
    if flags.write_config is not None and not flags.write_config.endswith((".yml", ".yaml")):
        raise UserError(f"--write_config {flags.write_config}: a configuration ends in .yml; call it so.")
    if flags.output is not None and Path(flags.output).is_dir():
        raise UserError(f"--output {flags.output} is a folder; name the file to write.")
    settings = {name: getattr(flags, name) for name in ("config", "implementation", "entry", "opts")}
    if flags.write_config is None:
        _convert(flags, settings)
        return
    with fitting_config(flags.checkpoint, output=flags.write_config, **settings) as fitting:
        # The new YAML must pass the same checks as any other.
        _convert(flags, {**settings, "config": str(fitting), "opts": None}, {"config": flags.write_config})
    command = f"python val.py --config {flags.write_config} --model_path {flags.output}"
    if "val_dataset" not in yaml.safe_load(Path(flags.write_config).read_text(encoding="utf-8")):
        command = "add a val_dataset with the transforms that prepare images, then " + command
    print(f"wrote {flags.write_config}; to evaluate: {command}")


def _convert(flags: argparse.Namespace, settings: dict, notes: Optional[dict] = None) -> None:
    if flags.dry_run:
        conversion = convert_weights(flags.checkpoint, **settings)
        print("\n".join(conversion.lines()))
        print(f"{_summary(conversion)}; nothing was written")
    else:
        conversion, _ = convert_file(flags.checkpoint, flags.output, notes, **settings)
        print(f"wrote {flags.output}: {_summary(conversion)}; {record_path(flags.output).name} records its origin")
    for remark in conversion.remarks:
        print(f"note: {remark}.")


def _summary(conversion: Conversion) -> str:
    found = conversion.found
    why = "; ".join(sorted(set(found.left_out.values()) - {""}))
    left = f", {len(found.left_out)} names left out ({why})" if found.left_out else ""
    return f"{found.title}, {len(conversion.weights)} tensors{left}"


if __name__ == "__main__":
    sys.exit(cli.run(main))
