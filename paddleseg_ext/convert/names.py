"""The names of our weights in a published implementation, in both directions.

Each implementation has a table from our prefixes to its own (``implementations/``). What follows a prefix is the same
on both sides, except for two things: the names of a convolution and of its batch normalization
(``Implementation.conv_bn``), and the names of the two running statistics (``LEAVES``).
"""

from collections.abc import Mapping
from functools import cache
from typing import Optional

from paddleseg_ext.convert.implementation import Implementation, Names

OUR_CONV_BN = ("_conv", "_batch_norm")
# Our names of the statistics of batch normalization, and torch's. Weight and bias have the same name.
LEAVES = {"_mean": "running_mean", "_variance": "running_var"}
_TORCH_LEAVES = {theirs: ours for ours, theirs in LEAVES.items()}


def their_name(ours: str, implementation: Implementation, model: str) -> str:
    """Return the name in ``implementation`` of the weight or statistic ``ours`` of our ``model``.

    Args:
        model: A key of ``implementation.heads``.

    Raises:
        ValueError: The implementation does not have that part.
    """
    prefixes: Names = {**implementation.backbone, **implementation.heads[model]}
    prefix = max((p for p in prefixes if ours.startswith(f"{p}.")), key=len)
    *rest, leaf = ours[len(prefix) + 1 :].split(".")
    path = prefixes[prefix]
    kind = rest.pop() if rest and rest[-1] in OUR_CONV_BN else None
    if isinstance(path, tuple):
        path = path[OUR_CONV_BN.index(kind)]
    elif kind is None:
        path = ".".join([path, *rest])
    else:
        path = ".".join([path, *rest, implementation.conv_bn[OUR_CONV_BN.index(kind)]])
    return f"{path}.{LEAVES.get(leaf, leaf)}"


def our_name(theirs: str, implementation: Implementation, model: str) -> Optional[str]:
    """Return our name for a name of theirs, or for its alias; None if our models do not have that part."""
    for other, name in implementation.aliases:
        if theirs.startswith(other):
            theirs = name + theirs[len(other) :]
    path, _, leaf = theirs.rpartition(".")
    ours = _our_path(path, implementation, model)
    return None if ours is None else f"{ours}.{_TORCH_LEAVES.get(leaf, leaf)}"


def _our_path(path: str, implementation: Implementation, model: str) -> Optional[str]:
    """``our_name`` of a whole layer."""
    layers, heads, backbone = _inverse(implementation, model)
    found = _replaced(path, backbone) or layers.get(path)
    if found is not None:
        return found
    # Normalization first: openseg.pytorch's 1.0 ends like the 0 of its convolution.
    for ours, ending in reversed(tuple(zip(OUR_CONV_BN, implementation.conv_bn))):
        if path.endswith(f".{ending}"):
            found = _replaced(path[: -len(ending) - 1], heads)
            return None if found is None else f"{found}.{ours}"
    return _replaced(path, heads)


def _replaced(path: str, prefixes: Mapping[str, str]) -> Optional[str]:
    """``path`` with the longest of ``prefixes`` that it starts with replaced; None if it starts with none."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        prefix = ".".join(parts[:end])
        if prefix in prefixes:
            return ".".join([prefixes[prefix], *parts[end:]])
    return None


@cache
def _inverse(implementation: Implementation, model: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Return tables from their names to ours: whole layers, prefixes within the heads, prefixes within the backbone."""
    layers, heads = {}, {}
    for ours, theirs in implementation.heads[model].items():
        if isinstance(theirs, tuple):
            layers.update({name: f"{ours}.{kind}" for name, kind in zip(theirs, OUR_CONV_BN)})
        else:
            heads[theirs] = ours
    return {**layers, **heads}, heads, {theirs: ours for ours, theirs in implementation.backbone.items()}
