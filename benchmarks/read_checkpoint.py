"""Measure the seconds and memory of reading and converting a PyTorch checkpoint, beside those of a plain copy.

    python benchmarks/read_checkpoint.py [--optimizer] [--legacy] [--rounds 3]

The checkpoint is that of a ResNet-101 PSANet, written here, without torch, with SSSegmentation's names and shapes. Each
measurement runs in its own process; they take turns, and the medians are printed. ``read`` opens the file. ``touch``
also reads every number. ``convert`` runs ``python -m paddleseg_ext.convert``, with checksum, checks and record.
``copy`` is ``shutil.copyfile`` with an fsync, which every writer needs.

Memory is the increase during the measurement: of the process's own (anonymous) pages, and of these with the pages of
mapped files, which the system may take back at any time.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CONFIG = ROOT / "configs/psanet/psanet_resnet101_os8_cityscapes_1024x512_220e_ssseg.yml"
STEPS = ("copy", "read", "touch", "convert")


def write_checkpoint(path: Path, optimizer: bool, legacy: bool) -> int:
    """Write the checkpoint; return the number of bytes of its weights."""
    import numpy as np

    from tests.convert.state_dicts import KEYS
    from tests.weights.torch_writer import Call, save_legacy, save_zip, tensor

    random = np.random.RandomState(0)

    def draw(name, shape):
        if name.endswith("num_batches_tracked"):
            return tensor(np.int64(1))
        return tensor(random.rand(*shape).astype(np.float32))

    weights = [[name, draw(name, shape)] for name, shape in KEYS["ssseg_psanet_101_os8"]]
    content = {"cur_epoch": 1, "cur_iter": 1, "model": Call("collections", "OrderedDict", weights)}
    if optimizer:
        states = {i: {"momentum_buffer": draw(*key)} for i, key in enumerate(KEYS["ssseg_psanet_101_os8"])}
        content["optimizer"] = {"state": states, "param_groups": [{"lr": 0.01, "params": list(states)}]}
    (save_legacy if legacy else save_zip)(content, path)
    return sum(weight.storage.nbytes for _, weight in weights)


def pages() -> tuple[int, int]:
    """The bytes of memory: own pages, then own and mapped pages."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(lines[name].split()[0]) << 10 for name in ("RssAnon", "RssFile"))
    return own, own + mapped


class Watch:
    """Seconds and peak memory of a block."""

    def __enter__(self):
        self._before, self._peak, self._done = pages(), pages(), threading.Event()
        self._watcher = threading.Thread(target=self._look)
        self._watcher.start()
        self._start = time.perf_counter()
        return self

    def _look(self):
        while not self._done.wait(0.002):
            self._peak = tuple(map(max, self._peak, pages()))

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._watcher.join()
        self.own, self.all = (after - before for after, before in zip(map(max, self._peak, pages()), self._before))


def measure(step: str, path: Path) -> dict[str, float]:
    """Run one step in this process."""
    from paddleseg_ext.convert.output import convert_file
    from paddleseg_ext.weights.weight_file import open_checkpoint

    target = path.with_suffix(".pdparams")
    with Watch() as watch:
        if step == "copy":
            shutil.copyfile(path, target)
            with open(target, "rb") as file:
                os.fsync(file.fileno())
        elif step == "read":
            open_checkpoint(path)
        elif step == "touch":
            sum(float(array.sum()) for array in open_checkpoint(path)["model"].values())
        else:
            convert_file(path, target, config=CONFIG)
    size = target.stat().st_size if target.exists() else 0
    target.unlink(missing_ok=True)
    return {"seconds": watch.seconds, "own": watch.own, "all": watch.all, "written": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", action="store_true", help="with a momentum for each weight, twice the file")
    parser.add_argument("--legacy", action="store_true", help="in the format of before PyTorch 1.6")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", nargs=2, metavar=("STEP", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(measure(options.step[0], Path(options.step[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "psanet.pth"
        weights = write_checkpoint(path, options.optimizer, options.legacy)
        figures: dict[str, list[dict[str, float]]] = {step: [] for step in STEPS}
        for _ in range(options.rounds):
            for step, results in figures.items():
                command = [sys.executable, __file__, "--step", step, str(path)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
                results.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{path.stat().st_size / 1e6:.0f} MB of file, {weights / 1e6:.0f} MB of weights")
        print(f"{'':8} {'seconds':>8} {'own MB':>8} {'/weights':>8} {'+mapped MB':>10} {'/weights':>8}")
        for step, results in figures.items():
            seconds, own, mapped = (statistics.median(r[name] for r in results) for name in ("seconds", "own", "all"))
            line = f"{own / 1e6:8.0f} {own / weights:8.2f} {mapped / 1e6:10.0f} {mapped / weights:8.2f}"
            print(f"{step:8} {seconds:8.3f} {line}")


if __name__ == "__main__":
    main()
