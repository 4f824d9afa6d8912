"""The two ways to write PSANet's mask: ``mask_h`` and ``mask_w``, as PSANet_paddle does, or ``mask_size``."""

from typing import Any

_SPELLINGS = ({"mask_h", "mask_w"}, {"mask_size"})


def keep_newer(newer: set[str], older: Any) -> None:
    """Remove from ``older`` the spelling that ``newer`` replaces: a file overrules its base, an option the file.

    Args:
        newer: The keys of ``model`` that overrule.
        older: The ``model`` that they overrule; it changes in place.
    """
    for said, other in (_SPELLINGS, _SPELLINGS[::-1]):
        if said & newer and not other & newer and isinstance(older, dict):
            for key in other:
                older.pop(key, None)
