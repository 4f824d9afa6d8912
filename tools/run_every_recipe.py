"""Run published recipes from training to deployment; see `python tools/run_every_recipe.py --help`."""

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
from typing import Any, Callable, Optional

# A checkout that is not installed works too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paddleseg_ext  # noqa: F401, I001, RUF100  before paddle: see there

import cv2
import numpy as np

from paddleseg_ext.commands import export, predict, train, val
from paddleseg_ext.datasets.layout import layout_of
from paddleseg_ext import cli
from paddleseg_ext.config.config import load_config
from paddleseg_ext.datasets.layout import Layout
from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo.table import config_path, find_row, published
from tools.data.tiny import write_tiny

ROOT = Path(__file__).resolve().parents[1]
STEPS = ("train", "evaluate", "evaluate ms+flip", "predict", "export", "infer", "compare")
SHRINK = 8
# The sizes of ADE20K and VOC are no round numbers, so that their resize does something. Cityscapes has an eighth.
PICTURE = {"cityscapes": (128, 256), "ade20k": (72, 103), "voc12aug": (75, 100)}
SIZES = ("base_size", "long_size", "crop_size", "target_size", "stride")
SCALES = ("0.75", "1.25")
# After one iteration, two classes may have the same score to the last digit; then either may win.
DIFFERENT_PIXELS = 1e-3
EXAMPLES = """
python tools/run_every_recipe.py
python tools/run_every_recipe.py --done output/recipes.jsonl      (again: continues with the others)
python tools/run_every_recipe.py psanet_resnet50_os8_cityscapes_1024x512_80k
"""


def shrunk(size: int) -> int:
    """An eighth of a size in pixels. 8 n + 1 becomes n + 1, because aligned corners need such sizes."""
    return (size - 1) // SHRINK + 1 if size % 2 else size // SHRINK


def small_options(config: Path, data: Path) -> list[str]:
    """The ``--opts`` that change only a recipe's data, pretrained weights and sizes in pixels.

    Args:
        config: The recipe's YAML file.
        data: A folder with a stand-in for each data set, by the name of its layout.
    """
    dic = load_config(config).dic
    options = ["model.backbone.pretrained=null"]
    for key in ("train_dataset", "val_dataset"):
        options.append(f"{key}.dataset_root={data / _layout(dic[key]['type']).name}")
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
    """Write a stand-in for each data set: four training samples and one validation sample."""
    for name, size in PICTURE.items():
        write_tiny(name, data / name, train=4, val=1, size=size)


def steps(config: Path, data: Path, out: Path, options: Sequence[str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """(step, function) of each step of one recipe, with the functions behind the command lines.

    Args:
        options: ``--opts`` for every command.
    """
    dic = load_config(config).dic
    layout = _layout(dic["val_dataset"]["type"])
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
    # The export has compared oneDNN already.
    plain = ["--enable_mkldnn", "False"]
    yield "predict", lambda: predict.main([*weights, *pictures, str(out / "predict"), *opts])
    yield "export", lambda: export.main([*weights, "--save_dir", str(out / "export"), *opts])
    yield "infer", lambda: infer.main(["--config", str(out / "export"), *pictures, str(out / "infer"), *plain])
    yield "compare", lambda: compare(out / "predict/label", out / "infer/label")


def _layout(component: str) -> Layout:
    """The layout of a recipe's data set.

    Raises:
        UserError: There is no stand-in for the data set.
    """
    layout = layout_of(component)
    if layout is None:
        raise UserError(f"There is no stand-in for the data set {component}; leave this recipe out.")
    return layout


def _deployed() -> ModuleType:
    """deploy/python/infer.py, which is not in a package."""
    spec = importlib.util.spec_from_file_location("deploy_python_infer", ROOT / "deploy" / "python" / "infer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(predicted: Path, inferred: Path) -> None:
    """Compare two folders of label images; a few pixels at a tie may differ.

    export.py has compared the scores already.

    Raises:
        UserError: The folders have different files, or label images differ.
    """
    names = sorted(path.name for path in predicted.rglob("*.png"))
    if not names or names != sorted(path.name for path in inferred.rglob("*.png")):
        raise UserError(f"predict.py and infer.py wrote different files; {predicted} has {', '.join(names) or 'none'}.")
    for name in names:
        one, other = (cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED) for folder in (predicted, inferred))
        if one.shape != other.shape or np.mean(one != other) > DIFFERENT_PIXELS:
            what = "the size" if one.shape != other.shape else f"{np.mean(one != other):.2%} of the pixels"
            raise UserError(f"predict.py and infer.py differ in {what} of {name}.")


def run_alone(row: str, data: Path, out: Path, extra: Sequence[str]) -> None:
    """Run all steps of one recipe in this process; ``out``/seconds.json has the steps that are done."""
    config = config_path(row)
    options = [*small_options(config, data), *extra]
    seconds = {}
    for step, action in steps(config, data, out, options):
        start = time.perf_counter()
        action()
        seconds[step] = round(time.perf_counter() - start, 1)
        (out / "seconds.json").write_text(json.dumps(seconds))


def run_row(row: str, data: Path, work: Path, extra: Sequence[str]) -> dict[str, Any]:
    """Run one recipe in its own process. Its folder is removed; its log is kept if it failed."""
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
    # ru_maxrss is in KiB on Linux.
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


def line(result: dict[str, Any]) -> str:
    """The line of one result."""
    state = "ok" if result["ok"] else f"FAILED in {result['failed']}: {result['why']} (log: {result['log']})"
    return f"{result['row']:<62}{result['s']:>7.1f} s{result['mb']:>7} MB  {state}"


def main(arguments: Sequence[str]) -> None:
    """Run the recipes; see ``--help``."""
    parser = cli.Parser(
        "Run published recipes, each from its own YAML file: training (one iteration), evaluation by its test "
        "protocol, multi-scale evaluation, prediction, export and Paddle Inference, whose labels must be those of "
        "predict.py. The data are a few made-up pictures in the layout of the real ones, and sizes in pixels are an "
        "eighth. A recipe takes nearly a minute on two cores. The exit code is 1 if a recipe fails.",
        EXAMPLES,
    )
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help="names as `python -m paddleseg_ext.zoo list` prints them, or YAML files (default: all).",
    )
    parser.add_argument(
        "--done", metavar="FILE", help="file for the results; recipes that are done in it are left out."
    )
    parser.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change more keys, in every row.")
    parser.add_argument(
        "--alone", nargs=2, metavar=("DATA", "DIR"), help="run one row in this process, on the stand-ins in DATA."
    )
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
        raise UserError(f"At least one recipe failed; read the logs in {work}.")


def _remembered(done: Optional[str]) -> dict[str, dict[str, Any]]:
    """The last result of each row in the file of ``--done``."""
    if not done or not Path(done).is_file():
        return {}
    results = [json.loads(text) for text in Path(done).read_text(encoding="utf-8").splitlines()]
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
