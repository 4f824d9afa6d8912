"""export.py under PaddleSeg's path, with the same flags."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Python imports from this folder first: it must be the folder of export.py, not of this script.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    runpy.run_path(f"{sys.path[0]}/export.py", run_name="__main__")
