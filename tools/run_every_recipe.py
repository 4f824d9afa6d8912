"""Run published recipes from training to deployment; `python tools/run_every_recipe.py --help` explains how."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import cv2
import numpy as np

import export
import predict
import train
import val
from paddleseg_ext.datasets.layout import layout_of
from paddleseg_ext import cli
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo.table import config_path, find_row, published
from tools.data.tiny import write_tiny

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("train", "evaluate", "evaluate ms+flip", "predict", "export", "infer", "compare")
SHRINK = 8
# Not a multiple of anything: the resize of the ADE20K and VOC rows has work to do. Cityscapes' are one eighth.
PICTURE = {"cityscapes": (128, 256), "ade20k": (72, 103), "voc12aug": (75, 100)}
SIZES = ("base_size", "long_size", "crop_size", "target_size", "stride")
SCALES = ("0.75", "1.25")
# Labels of a network after one iteration: where two classes score the same to the last digit, either may win.
DIFFERENT_PIXELS = 1e-3
EXAMPLES = """
python tools/run_every_recipe.py
python tools/run_every_recipe.py --done output/recipes.jsonl      (again: goes on with what is not done)
python tools/run_every_recipe.py psanet_resnet50_os8_cityscapes_1024x512_80k
"""


def shrunk(size: int) -> int:
    """An eighth of a size in pixels; 8 n + 1 becomes n + 1, so odd sizes stay what they are for."""
    return (size - 1) // SHRINK + 1 if size % 2 else size // SHRINK


def small_options(config: Path, data: Path) -> list:
    """``--opts`` that leave a recipe what it is but for its data, its pretrained weights and its sizes in pixels.

    Args:
        config: The recipe's YAML file.
        data: A folder with a stand-in of each data set, by the name of its layout.
    """
    dic = load_config(config).dic
    options = ["model.backbone.pretrained=null"]
    for key in ("train_dataset", "val_dataset"):
        options.append(f"{key}.dataset_root={data / layout_of(dic[key]['type']).name}")
    places = [(f"{key}.transforms.{i}", step) for key in ("train_dataset", "val_dataset")
              for i, step in enumerate(dic[key]["transforms"])]  # fmt: skip
    for place, step in [*places, ("test_config", dic.get("test_config") or {})]:
        for name in SIZES:
            if name in step:
                value = step[name]
                small = [shrunk(side) for side in value] if isinstance(value, list) else shrunk(value)
                options.append(f"{place}.{name}={json.dumps(small).replace(' ', '')}")
    return options


def write_data(data: Path) -> None:
    """A stand-in of each data set: four training samples and one to evaluate on."""
    for name, size in PICTURE.items():
        write_tiny(name, data / name, train=4, val=1, size=size)


def steps(config: Path, data: Path, out: Path, options: Sequence[str]) -> Iterator[tuple]:
    """(step, what does it) for one recipe, through the functions behind the command lines.

    Args:
        options: ``--opts`` for every command.
    """
    dic = load_config(config).dic
    layout = layout_of(dic["val_dataset"]["type"])
    image = str(layout.pairs(data / layout.name, "val")[0].image)
    given = ["--config", str(config)]
    weights = [*given, "--model_path", str(out / "iter_1/model.pdparams")]
    opts = ["--opts", *options]
    once = ["--iters", "1", "--batch_size", "2", "--log_iters", "1", "--seed", "0"]
    several = ["--aug_eval", "--scales", *SCALES, "--flip_horizontal"]
    infer = _deployed()
    pictures = ["--image_path", image, "--save_dir"]

    yield "train", lambda: train.main([*given, "--save_dir", str(out), *once, *opts])
    yield "evaluate", lambda: val.main([*weights, *opts])
    yield "evaluate ms+flip", lambda: val.main([*weights, *several, *opts])
    # oneDNN has been compared when the model is exported.
    plain = ["--enable_mkldnn", "False"]
    yield "predict", lambda: predict.main([*weights, *pictures, str(out / "predict"), *opts])
    yield "export", lambda: export.main([*weights, "--save_dir", str(out / "export"), *opts])
    yield "infer", lambda: infer.main(["--config", str(out / "export"), *pictures, str(out / "infer"), *plain])
    yield "compare", lambda: compare(out / "predict/label", out / "infer/label")


def _deployed() -> ModuleType:
    """deploy/python/infer.py, which is no package."""
    spec = importlib.util.spec_from_file_location("deploy_python_infer", ROOT / "deploy" / "python" / "infer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(predicted: Path, inferred: Path) -> None:
    """Raise unless two folders of label images are the same but for pixels that are a tie.

    That the scores behind the labels are right, export.py has compared itself.
    """
    names = sorted(path.name for path in predicted.rglob("*.png"))
    if not names or names != sorted(path.name for path in inferred.rglob("*.png")):
        raise UserError(f"predict.py and infer.py wrote different files: {names} in {predicted}.")
    for name in names:
        one, other = (cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED) for folder in (predicted, inferred))
        if one.shape != other.shape or np.mean(one != other) > DIFFERENT_PIXELS:
            what = "the size" if one.shape != other.shape else f"{np.mean(one != other):.2%} of the pixels"
            raise UserError(f"predict.py and infer.py differ in {what} of {name}.")


def run_alone(row: str, data: Path, out: Path, extra: Sequence[str]) -> None:
    """All steps of one recipe in this process; ``out``/seconds.json tells how far it came."""
    config = config_path(row)
    options = [*small_options(config, data), *extra]
    seconds = {}
    for step, action in steps(config, data, out, options):
        start = time.perf_counter()
        action()
        seconds[step] = round(time.perf_counter() - start, 1)
        (out / "seconds.json").write_text(json.dumps(seconds))


def run_row(row: str, data: Path, work: Path, extra: Sequence[str]) -> dict:
    """One recipe in a process of its own; its folder is removed, and its log kept if it failed."""
    out, log = work / row, work / f"{row}.log"
    out.mkdir(parents=True)
    start = time.perf_counter()
    command = [sys.executable, __file__, row, "--alone", str(data), str(out), *(["--opts", *extra] if extra else [])]
    with open(log, "w") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
    code = child.returncode = os.waitstatus_to_exitcode(status)
    seconds = json.loads((out / "seconds.json").read_text()) if (out / "seconds.json").is_file() else {}
    shutil.rmtree(out)
    # Linux counts in KiB.
    result = {"row": row, "ok": code == 0, "s": round(time.perf_counter() - start, 1), "mb": usage.ru_maxrss // 1024}
    result["steps"] = seconds
    if code == 0:
        log.unlink()
    else:
        text = log.read_text(errors="replace").strip().splitlines()
        result["why"] = next((line for line in reversed(text) if line.startswith("error: ")), (text or ["nothing"])[-1])
        result["failed"] = next((step for step in STEPS if step not in seconds), "ending")
        result["log"] = str(log)
    return result


def line(result: dict) -> str:
    """One result as a line of the table."""
    state = "ok" if result["ok"] else f"FAILED in {result['failed']}: {result['why']} (log: {result['log']})"
    return f"{result['row']:<62}{result['s']:>7.1f} s{result['mb']:>7} MB  {state}"


def main(arguments: Sequence[str]) -> None:
    """Read the flags and run; see ``--help``."""
    parser = cli.Parser(
        "Take published recipes, each from its YAML file as it is, through training (one iteration), evaluation by its "
        "own test protocol, multi-scale evaluation, prediction, export and Paddle Inference, whose labels must be "
        "those of predict.py. The data are a few made-up pictures in the layout of the real ones, and sizes in pixels "
        "are an eighth. A recipe takes most of a minute on two cores; exit code 1 if any fails.",
        EXAMPLES,
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help="names as `python -m paddleseg_ext.zoo list` prints them, or YAML files (default: all).",
    )
    parser.add_argument("--done", metavar="FILE", help="remember results there, and leave out what is done already.")
    parser.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="overrule more keys, in every row.")
    parser.add_argument("--alone", nargs=2, metavar=("DATA", "DIR"), help="run one row here, on the stand-ins in DATA.")
    flags = parser.parse_args(arguments)
    rows = [find_row(row, among_authors=True) for row in flags.rows] or list(published())
    if flags.alone:
        run_alone(rows[0], Path(flags.alone[0]), Path(flags.alone[1]), flags.opts)
        return
    results = _remembered(flags.done)
    todo = [row for row in rows if not results.get(row, {}).get("ok")]
    work = Path(tempfile.mkdtemp(prefix="recipes."))
    try:
        write_data(work / "data")
        for row in todo:
            results[row] = result = run_row(row, work / "data", work, flags.opts)
            print(line(result), flush=True)
            if flags.done:
                Path(flags.done).parent.mkdir(parents=True, exist_ok=True)
                with open(flags.done, "a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    finally:
        shutil.rmtree(work / "data", ignore_errors=True)
        if not any(work.iterdir()):
            work.rmdir()
    _sum_up([results[row] for row in rows], len(todo))
    if not all(results[row]["ok"] for row in rows):
        raise UserError(f"Not every recipe runs; the logs are in {work}.")


def _remembered(done: Optional[str]) -> dict:
    """The newest result of each row in the file of ``--done``."""
    if not done or not Path(done).is_file():
        return {}
    results: list = [json.loads(text) for text in Path(done).read_text(encoding="utf-8").splitlines()]
    return {result["row"]: result for result in results}


def _sum_up(results: Sequence[Any], now: int) -> None:
    good = [result for result in results if result["ok"]]
    slowest = max(results, key=lambda result: result["s"])
    largest = max(results, key=lambda result: result["mb"])
    print(
        f"{len(good)} of {len(results)} recipes run ({now} of them now); slowest {slowest['s']:.0f} s "
        f"({slowest['row']}), largest {largest['mb']} MB ({largest['row']})."
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
