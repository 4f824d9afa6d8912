"""Repairs of faults in paddleseg 2.8.0, the newest release on PyPI, on Paddle 2.6.2 to 3.3.1.

There is a file of repairs for each area of PaddleSeg: ``losses``, ``metrics``, ``data``, ``models`` and ``trainer``. A
repair is a function without arguments. Its decorator (``repair.py``) says what the fault is and how each release of
Paddle shows it, and adds the repair to ``REPAIRS``.

Most repairs replace one expression of a function (``amend.py``), and the rest of the function stays PaddleSeg's. What
the package changes in PaddleSeg that is no fault stands in ``paddleseg_ext.takeover``.
"""

from paddleseg_ext.compat import data, losses, metrics, models, trainer  # noqa: F401  each adds to REPAIRS
from paddleseg_ext.compat.repair import REPAIRS

__all__ = ["REPAIRS", "apply"]


def apply() -> None:
    """Repair paddleseg. Calling it again changes nothing."""
    for repair in REPAIRS:
        repair.apply()
