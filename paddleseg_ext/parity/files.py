"""The files of a comparison, as reprod_log writes and reads them.

reprod_log (https://github.com/PaddlePaddle/models/tree/release/2.2/tutorials/reprod_log) is the tool of Paddle's guide
to reproducing a paper: a side and step is one ``.npy`` file that holds a dictionary of arrays, and its
``ReprodDiffHelper`` compares two of them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Union

import numpy as np

from paddleseg_ext.files.whole import write_whole


def save(folder: Union[str, Path], side: str, answer: dict) -> list:
    """Write ``folder/DTYPE/STEP_SIDE.npy`` for every dtype and step in ``answer`` and return the paths.

    Args:
        side: 'paddle' or 'torch'.
        answer: ``{dtype/step/name: array}``; names without a slash are left out.
    """
    steps = {}
    for entry, value in answer.items():
        if "/" in entry:
            dtype, step, name = entry.split("/", 2)
            steps.setdefault((dtype, step), {})[name] = np.asarray(value)
    paths = []
    for (dtype, step), arrays in steps.items():
        path = Path(folder) / dtype / f"{step}_{side}.npy"
        with write_whole(path) as temporary:
            np.save(temporary, arrays, allow_pickle=True)
        paths.append(path)
    return paths


def save_differences(folder: Union[str, Path], found: Iterable) -> None:
    """Write ``folder/DTYPE/STEP_diff.txt``, a line for every entry."""
    lines = {}
    for difference in found:
        lines.setdefault(Path(folder) / difference.dtype / f"{difference.step}_diff.txt", []).append(f"{difference}\n")
    for path, text in lines.items():
        with write_whole(path) as temporary:
            temporary.write_text("".join(text))
