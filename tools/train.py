"""PaddleSeg's path to train.py, whose flags it takes."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # The folder of the script, where Python looks first, becomes that of train.py.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    runpy.run_path(f"{sys.path[0]}/train.py", run_name="__main__")
