"""The file and the line of every key of a configuration."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

import yaml

from paddleseg_ext.errors import UserError

# Names of mappings and numbers of list items, from the top to the value.
Key = tuple[Union[str, int], ...]


def dotted(key: Iterable[object]) -> str:
    """The key as ``--opts`` writes it: ``model.backbone.type``."""
    return ".".join(map(str, key))


@dataclass(frozen=True)
class Places:
    """The lines of the keys in a YAML file and in its bases.

    Args:
        path: The file that is named for a key that stands in none.
        lines: The file and the line of each key. Lines count from 1.
    """

    path: str
    lines: dict[Key, tuple[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, node: Optional[yaml.Node]) -> "Places":
        """The places of the keys of one file. ``node`` is its content as ``yaml.compose`` reads it."""
        return cls(str(path), dict(_lines(node, str(path), ())))

    def __call__(self, *key: Union[str, int]) -> str:
        """``FILE line N`` of a key. A key that an option added has the place of the nearest key around it."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                file, line = self.lines[key[:end]]
                return f"{file} line {line}"
        return self.path

    def over(self, base: "Places") -> "Places":
        """These places and, for keys that are not in this file, those of its base."""
        return Places(self.path, {**base.lines, **self.lines})


@contextlib.contextmanager
def placed(where: str) -> Iterator[None]:
    """Put ``where`` in front of the sentence of a ``UserError``."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}{error}") from None


def _lines(node: Optional[yaml.Node], path: str, key: Key) -> Iterator[tuple[Key, tuple[str, int]]]:
    if isinstance(node, yaml.MappingNode):
        items = [(name.value, name, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        items = [(index, value, value) for index, value in enumerate(node.value)]
    else:
        return
    for name, named, value in items:
        here = (*key, name)
        yield here, (path, named.start_mark.line + 1)
        yield from _lines(value, path, here)
