"""Compare psamask on the CPU with the published loop and with a memory copy, as ratios of times.

    python benchmarks/psamask.py

The published loop clears the output and then scatters, on one thread. The copy moves as many bytes as psamask must
move: it reads the reached cells of the input and writes the whole output. Both are C++ from the same compiler. Each
round runs all of them in turn, and the medians over the rounds are compared. Run it on a quiet machine. The goal is 4
times the speed of the loop on 2 cores, and half the speed of the copy on as many threads.
"""

import argparse
import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path

CUSTOM_OPS = Path(__file__).resolve().parents[1] / "custom_ops"
CASES = [(59, 30, 30, 4), (97, 32, 64, 2), (97, 64, 128, 1)]  # mask, height, width, batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()

    spec = importlib.util.spec_from_file_location("psamask_recipe", CUSTOM_OPS / "recipe.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)

    print(f"load average {os.getloadavg()[0]:.1f}, {arguments.threads} threads, {arguments.rounds} rounds")
    print("| mask | map | N | kind | direction | ours / loop | ours / copy, 1 thread | ours / copy, as many threads |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bench"
        source = CUSTOM_OPS / "benchmarks" / "psamask_cpu_bench.cc"
        subprocess.run([recipe.compiler(), *recipe.OPTIMIZATION, str(source), "-o", str(program)], check=True)
        for mask, height, width, batch in CASES:
            numbers = [mask, height, width, batch, arguments.threads, arguments.rounds]
            command = [str(program), *map(str, numbers)]
            for line in subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
                kind, direction, *seconds = line.split()
                ours, loop, copy_one, copy_all = map(float, seconds)
                print(
                    f"| {mask} | {height}x{width} | {batch} | {kind} | {direction} | {loop / ours:.1f} x "
                    f"| {copy_one / ours:.2f} x | {copy_all / ours:.2f} x |"
                )


if __name__ == "__main__":
    main()
