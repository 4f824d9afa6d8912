"""Train a model that a YAML file describes; `python train.py --help` explains every flag."""

import sys
from collections.abc import Sequence

from paddleseg_ext.engine import cli
from paddleseg_ext.engine.training_command import run_training

EXAMPLES = """
python train.py --config configs/quickstart/psanet_resnet18_quickstart.yml --do_eval --use_vdl
python train.py --config my.yml --do_eval --iters 2000 --batch_size 4 --opts model.backbone.pretrained=null
python train.py --config my.yml --do_eval --resume_model output/iter_1000
python -m paddle.distributed.launch --gpus 0,1 train.py --config my.yml --do_eval
"""


def parse(arguments: Sequence[str]):
    """The flags of the command line."""
    parser = cli.Parser("Train a segmentation model. Ctrl-C saves before it stops; --resume_model goes on.", EXAMPLES)
    cli.add_config_flags(parser)
    cli.add_device_flag(parser)
    cli.add_workers_flag(parser)
    cli.add_precision_flags(parser)
    parser.add_argument("--save_dir", default="output", metavar="DIR", help="where checkpoints and logs go.")
    parser.add_argument(
        "--do_eval", action="store_true", help="evaluate before every checkpoint and keep the best in best_model."
    )
    parser.add_argument(
        "--use_vdl",
        action="store_true",
        help="write curves and sample pictures for `visualdl --logdir SAVE_DIR --language en`.",
    )
    parser.add_argument("--use_ema", action="store_true", help="also keep and evaluate averaged weights (decay 0.999).")
    parser.add_argument("--resume_model", metavar="DIR", help="go on from this checkpoint, e.g. output/iter_1000.")
    parser.add_argument(
        "--iters", type=cli.positive_int, metavar="N", help="train until this iteration (default: the file's)."
    )
    parser.add_argument(
        "--batch_size", type=cli.positive_int, metavar="N", help="images per process (default: the file's)."
    )
    parser.add_argument(
        "--learning_rate", type=cli.positive_float, metavar="R", help="start of the schedule (default: the file's)."
    )
    parser.add_argument(
        "--save_interval", type=cli.positive_int, default=1000, metavar="N", help="iterations between checkpoints."
    )
    parser.add_argument(
        "--log_iters", type=cli.positive_int, default=10, metavar="N", help="iterations between log lines."
    )
    parser.add_argument(
        "--keep_checkpoint_max",
        type=cli.natural_int,
        default=5,
        metavar="N",
        help="newest checkpoints to keep; 0 keeps all.",
    )
    parser.add_argument(
        "--early_stop_intervals",
        type=cli.positive_int,
        metavar="N",
        help="with --do_eval, stop after N evaluations in a row without a better mIoU.",
    )
    parser.add_argument(
        "--seed", type=cli.natural_int, metavar="N", help="makes two runs draw the same random numbers."
    )
    parser.add_argument(
        "--repeats", type=cli.positive_int, default=1, metavar="N", help="use every sample N times an epoch."
    )
    parser.add_argument(
        "--data_format",
        choices=("NCHW", "NHWC"),
        default="NCHW",
        help="NHWC only for models that have it (DeepLabV3P).",
    )
    parser.add_argument(
        "--to_static_training", action="store_true", help="train the model as a static graph (paddle.jit.to_static)."
    )
    parser.add_argument(
        "--profiler_options",
        metavar="TEXT",
        help="profile some steps, then stop: 'batch_range=[10,20];state=CPU;profile_path=profile'.",
    )
    parser.refuse("--use_multilabel", why="the losses and metrics of paddleseg 2.8.0 know one label per pixel")
    parser.refuse("--input_shape", "--output_op", "--for_fd", why="they are about exporting; export.py has them")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Parse the flags and train."""
    run_training(**vars(parse(arguments)))


if __name__ == "__main__":
    sys.exit(cli.run(main))
