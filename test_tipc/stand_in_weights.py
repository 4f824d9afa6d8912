"""Write weights that depend on nothing but their names; `python test_tipc/stand_in_weights.py --help` says what for."""

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
    """A weight, the same on every machine and Paddle: drawn by NumPy from a seed that ``name`` makes.

    Args:
        name: In the state_dict.
        shape: Two or more dimensions: a convolution or matrix, of a size that keeps activations in range. One: what
            batch normalisation and biases have before training, but a scale of 0.5, lest the residuals add up.
    """
    if len(shape) > 1:
        draw = np.random.RandomState(zlib.crc32(name.encode()))
        return (draw.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
    values = {"weight": 0.5, "_variance": 1.0}
    return np.full(shape, values.get(name.rsplit(".", 1)[-1], 0.0), dtype=np.float32)


def main(arguments: Sequence[str]) -> None:
    """Read the flags, build the model, write."""
    parser = cli.Parser(
        "Write stand-in weights: they segment nothing, but give the same labels on every machine, so that two runs can "
        "be compared where published weights are out of reach.",
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
