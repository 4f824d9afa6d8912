"""Seconds and memory that converting a checkpoint takes, beside the size of what it becomes.

    python benchmarks/convert.py CHECKPOINT CONFIG.yml

Memory is what the process holds at its peak more than before: its own (anonymous), and all of it with the pages of the
mapped checkpoint, which the system takes back whenever it needs them. Linux only.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import paddleseg_ext  # noqa: F401  before paddle: see there
from paddleseg_ext.convert.output import convert_file


def held() -> dict:
    """MiB of this process by kind."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {kind: int(lines[kind].split()[0]) / 1024 for kind in ("RssAnon", "VmRSS")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("config")
    flags = parser.parse_args()
    before, peak, done = held(), held(), threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            for kind, size in held().items():
                peak[kind] = max(peak[kind], size)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "model.pdparams")
        begin = time.perf_counter()
        convert_file(flags.checkpoint, output, config=flags.config)
        seconds = time.perf_counter() - begin
        done.set()
        watcher.join()
        size = output.stat().st_size / 2**20
    print(f"{Path(flags.checkpoint).stat().st_size / 2**20:.0f} MiB become {size:.0f} MiB in {seconds:.2f} s")
    for kind, name in (("RssAnon", "memory of its own"), ("VmRSS", "with the mapped checkpoint")):
        more = peak[kind] - before[kind]
        print(f"{name}: {more:.0f} MiB, {more / size:.2f} times the converted weights")


if __name__ == "__main__":
    main()
