"""Compare the mIoU of PSANet with that of the same network without its attention, on the quickstart's scenes.

    python benchmarks/attention_gain.py [--seeds 0 1 2] [--iters 300]

Both networks train on the same pictures in the same order with the same schedule; only ``model.use_psa`` differs.
Without the attention branch, the network is a dilated fully convolutional one with the same backbone and head.

In these scenes, a local patch does not tell road from canal, or car from boat. A landmark decides, and it is most of a
picture's width away (``paddleseg_ext/datasets/street.py``). So this benchmark measures whether the branch carries
information over that distance. It does not compare other methods, and it does not measure photographs.
"""

import random
import sys
import tempfile
from collections.abc import Sequence

import numpy as np
import paddle

from paddleseg_ext import cli
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.datasets.quickstart import generate
from paddleseg_ext.datasets.street import BOAT, CANAL, CAR, CLASS_NAMES, ROAD
from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.train import train

NETWORKS = {"with attention": True, "without": False}
DECIDED_FAR_AWAY = (ROAD, CANAL, CAR, BOAT)


def class_iou(config_path: str, data: str, iters: int, seed: int, use_psa: bool) -> np.ndarray:
    """The IoU of each class on the validation pictures, after one network was trained from one seed."""
    roots = [f"{part}.dataset_root={data}" for part in ("train_dataset", "val_dataset")]
    config = load_config(config_path, iters=iters, opts=[f"model.use_psa={use_psa}", *roots])
    paddle.seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    builder = Builder(config)
    model = builder.build("model")
    with tempfile.TemporaryDirectory() as folder:
        train(
            model,
            builder.build("train_dataset"),
            optimizer=builder.build("optimizer"),
            losses=builder.build("loss"),
            iters=config.iters,
            batch_size=config.batch_size,
            save_interval=config.iters,
            log_iters=50,
            save_dir=folder,
        )
    return evaluate(model, builder.build("val_dataset"), print_detail=False).class_iou


def main(arguments: Sequence[str]) -> None:
    parser = cli.Parser(
        "Train PSANet with and without its attention, and compare the mIoU.",
        "python benchmarks/attention_gain.py --seeds 0 1 2 --iters 300",
    )
    parser.add_argument("--config", default="configs/quickstart/psanet_resnet18_quickstart.yml", metavar="FILE.yml")
    parser.add_argument(
        "--data", default="data/quickstart", metavar="DIR", help="folder of the scenes; it is made if it is missing."
    )
    parser.add_argument("--seeds", type=cli.natural_int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--iters", type=cli.positive_int, default=300, metavar="N", help="iterations of each training.")
    flags = parser.parse_args(arguments)
    generate(flags.data)

    iou = {
        name: np.array([class_iou(flags.config, flags.data, flags.iters, seed, use_psa) for seed in flags.seeds])
        for name, use_psa in NETWORKS.items()
    }
    rows = {}
    for i, seed in enumerate(flags.seeds):
        rows[f"mIoU, seed {seed}"] = [values[i].mean(keepdims=True) for values in iou.values()]
    rows["mIoU"] = [values.mean(axis=1) for values in iou.values()]
    for index, label in enumerate(CLASS_NAMES):
        mark = " *" if index in DECIDED_FAR_AWAY else ""
        rows[f"IoU {label}{mark}"] = [values[:, index] for values in iou.values()]
    print(f"\n{flags.iters} iterations, seeds {' '.join(map(str, flags.seeds))}: mean (lowest to highest)")
    print("".join(f"{heading:>24}" for heading in ("", *iou)))
    for title, figures in rows.items():
        print(f"{title:>24}" + "".join(f"{_summary(values):>24}" for values in figures))
    print("* decided by the landmark, far away")


def _summary(values: np.ndarray) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{values.mean():.4f} ({values.min():.3f} to {values.max():.3f})"


if __name__ == "__main__":
    sys.exit(cli.run(main))
