"""Write weights that depend only on their names; see `python test_tipc/stand_in_weights.py --help`."""

import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import numpy as np
import paddle

from paddleseg_ext import cli
from paddleseg_ext.config.build import Builder
from paddleseg_ext.weights.checkpoint import save_weights
from paddleseg_ext.config.config import load_config

EXAMPLES = """
python test_tipc/stand_in_weights.py --config test_tipc/configs/psanet/psanet_resnet50_os8_cityscapes_256x128_lite.yml \
--output test_tipc/output/psanet/weights/model.pdparams
"""


def stand_in(name: str, shape: Sequence[int]) -> np.ndarray:
    """A weight that is the same with every machine and Paddle: NumPy draws it, with a seed from ``name``.

    Args:
        name: The name in the state_dict.
        shape: With two or more dimensions, the weight is that of a convolution or matrix, with values that keep
            activations in range. With one, it has its value before training. The scale of batch normalization is 0.5,
            so that activations do not grow from block to block.
    """
    if len(shape) > 1:
        draw = np.random.RandomState(zlib.crc32(name.encode()))
        return (draw.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
    values = {"weight": 0.5, "_variance": 1.0}
    return np.full(shape, values.get(name.rsplit(".", 1)[-1], 0.0), dtype=np.float32)


def main(arguments: Sequence[str]) -> None:
    """Build the model and write the weights; see ``--help``."""
    parser = cli.Parser(
        "Write stand-in weights. They segment nothing, but they give the same labels on every machine, so two runs can "
        "be compared without published weights.",
        EXAMPLES,
    )
    cli.add_config_flags(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the .pdparams file to write.")
    flags = parser.parse_args(arguments)
    paddle.set_device("cpu")
    model = Builder(load_config(flags.config, opts=flags.opts, training=False), pretrained=False).build("model")
    weights = {name: paddle.to_tensor(stand_in(name, value.shape)) for name, value in model.state_dict().items()}
    save_weights(weights, flags.output)
    print(f"Stand-in weights, which segment nothing, are in {flags.output}.")


if __name__ == "__main__":
    sys.exit(cli.run(main))
