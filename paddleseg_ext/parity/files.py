"""The files of a comparison, in the format of reprod_log.

reprod_log (https://github.com/PaddlePaddle/models/tree/release/2.2/tutorials/reprod_log) is the tool of Paddle's guide
to reproducing a paper. One ``.npy`` file holds the dictionary of arrays of one step of one side, and its
``ReprodDiffHelper`` compares two such files.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Union

import numpy as np

from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.parity.limits import Difference


def save(folder: Union[str, Path], side: str, answer: Mapping[str, np.ndarray]) -> list[Path]:
    """Write ``folder/DTYPE/STEP_SIDE.npy`` for every dtype and step in ``answer``; return the paths.

    Args:
        side: ``'paddle'`` or ``'torch'``.
        answer: ``{dtype/step/name: array}``. Names without a slash are left out.
    """
    steps: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for entry, value in answer.items():
        if "/" in entry:
            dtype, step, name = entry.split("/", 2)
            steps.setdefault((dtype, step), {})[name] = np.asarray(value)
    paths = []
    for (dtype, step), arrays in steps.items():
        path = Path(folder) / dtype / f"{step}_{side}.npy"
        with write_whole(path) as temporary:
            # reprod_log reads a pickled dict.
            np.save(temporary, np.array(arrays, dtype=object), allow_pickle=True)
        paths.append(path)
    return paths


def save_differences(folder: Union[str, Path], found: Iterable[Difference]) -> None:
    """Write ``folder/DTYPE/STEP_diff.txt`` with one line for each entry."""
    lines: dict[Path, list[str]] = {}
    for difference in found:
        lines.setdefault(Path(folder) / difference.dtype / f"{difference.step}_diff.txt", []).append(f"{difference}\n")
    for path, text in lines.items():
        with write_whole(path) as temporary:
            temporary.write_text("".join(text))
