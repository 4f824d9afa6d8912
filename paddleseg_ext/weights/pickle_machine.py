"""A pickle machine that can build data and nothing else.

A pickle is a program for a small stack machine. Python's own machine lets this program import any module and call any
function. This machine does not import, does not access attributes, and calls only the builders that its owner gives it,
so there is nothing to break out of. It follows the opcodes of protocols 0 to 5 as ``pickletools`` documents them.

Four limits hold for every pickle: the number of opcodes, the bytes that builders may copy, and the depth and the size
of the result. A shared object counts each time.
"""

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from mmap import mmap
from typing import Any, Callable, Union

import numpy as np

from paddleseg_ext.weights.refusal import Refused, shown

# A ResNet-101 PSANet with its optimizer takes about 60 thousand opcodes.
MOST_OPCODES = 2_000_000
MOST_COPIED = 1 << 26  # bytes, besides twice those of the file
MOST_NESTING = 100
MOST_ITEMS = 10_000_000
LONGEST_LINE = 1 << 20
LONGEST_KEY = 1 << 12  # letters
MOST_ARGUMENTS = 16
LONGEST_INTEGER = 256  # bytes; also the largest number of digits of an integer in text

_REMEDY = "use a file from a source you trust or save the model's state_dict() alone"
_BYTES_PER_ITEM = 64  # about the size of an entry of a copied list or dict
_PLAIN_KEYS = (str, int, float, bool, type(None))
_SIZED = (str, list, tuple, dict, set, frozenset)


class Placeholder:
    """Replaces an object that is not needed. Everything that a pickle puts into it is forgotten."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def set_state(self, state: Any) -> None:
        """Take the state that a pickle gives an object after it is made."""


@dataclass(frozen=True, eq=False)
class Global:
    """A name that a pickle may ask for, and our function that builds its data.

    Attributes:
        name: ``module.name``.
        build: The function that is called instead of the one with that name.
        copies: Whether ``build`` copies the containers and texts in its arguments.
    """

    name: str
    build: Callable[..., Any]
    copies: bool = True

    def __repr__(self) -> str:
        return f"<{self.name}>"


def placeholder(name: str) -> Global:
    """Return a global whose objects are forgotten."""
    return Global(name, lambda *_: Placeholder(name), copies=False)


def unknown_global(name: str) -> Refused:
    """Return the refusal of a file that asks for ``name``."""
    return Refused(f"asks for {shown(name)}, which weights do not need; nothing was run, {_REMEDY}")


def build_dict(pairs: Any = ()) -> dict[Any, Any]:
    """Build a dict, for ``dict`` and ``OrderedDict``."""
    return fill({}, pairs.items() if type(pairs) is dict else pairs)


def build_tuple(items: Any = ()) -> tuple[Any, ...]:
    """Build a tuple, for ``tuple``."""
    if type(items) not in (list, tuple):
        raise TypeError(f"a tuple of {type(items).__name__}")
    return tuple(items)


def fill(mapping: dict[Any, Any], pairs: Iterable[Any]) -> dict[Any, Any]:
    """Do ``mapping.update(pairs)``, but only with keys whose hash is cheap; return ``mapping``."""
    for pair in pairs:
        key, value = pair
        mapping[plain_key(key)] = value
    return mapping


def plain_key(key: Any) -> Any:
    """Return ``key`` if it may be a key of a dict or a member of a set, else raise ``Refused``.

    Some keys can hang or crash the process. The hash of a nested tuple is computed anew each time, by a recursion on
    the C stack. Large integers, and several numbers in a tuple, can be chosen so that their hashes collide; those
    of all NaN collide before Python 3.10. Long texts that are equal are compared letter by letter.
    """
    parts = key if type(key) is tuple else (key,)
    numbers = sum(type(part) in (int, float) for part in parts[:9])
    if (
        len(parts) <= 8
        and numbers <= 1
        and all(
            isinstance(part, (Placeholder, Global))
            or (
                type(part) in _PLAIN_KEYS
                and part == part
                and not (type(part) is int and abs(part) >= 1 << 60)
                and not (type(part) is str and len(part) > LONGEST_KEY)
            )
            for part in parts
        )
    ):
        return key
    raise Refused(f"uses keys that are not plain text or numbers, as no weights do; {_REMEDY}")


class Machine:
    """Runs one pickle.

    Args:
        data: The bytes that hold the pickle.
        resolve: Returns the ``Global`` of a module and a name, or raises ``Refused``.
        load: Returns the object of a persistent id.
    """

    def __init__(
        self,
        data: Union[bytes, mmap],
        resolve: Callable[[str, str], Global],
        load: Callable[[Any], Any],
    ) -> None:
        self._data = data
        self._resolve = resolve
        self._load = load

    def run(self, start: int = 0) -> tuple[Any, int]:
        """Return the object that the pickle at ``start`` describes, and the place where the pickle ends.

        Raises:
            Refused: The pickle asks for something that it must not have, or its result is not bounded.
            LookupError, TypeError, ValueError, struct.error: It is not a whole pickle.
        """
        self._at = start
        self._stack: list[Any] = []
        self._below_marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._copies_left = MOST_COPIED + 2 * len(self._data)
        data, size = self._data, len(self._data)
        for _ in range(MOST_OPCODES):
            if self._at >= size:
                raise ValueError("the pickle does not end")
            opcode = data[self._at]
            self._at += 1
            if opcode == _STOP:
                value = self._stack.pop()
                refuse_tangles(value)
                return value, self._at
            action = _ACTIONS.get(opcode)
            if action is None:
                raise ValueError(f"byte {self._at - 1} is no pickle opcode: {opcode:#04x}")
            action(self)
        raise Refused(f"takes more than {MOST_OPCODES} steps to read, as no weights do; {_REMEDY}")

    # What follows each opcode in the data

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise ValueError(f"{count} bytes announced at byte {self._at} are not there")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _take_bytes(self, count: int) -> memoryview:
        """Take bytes as ``_take`` does, but without a copy: the bytes may be a large array that is not needed."""
        if count > len(self._data) - self._at:
            raise ValueError(f"{count} bytes announced at byte {self._at} are not there")
        self._at += count
        return memoryview(self._data)[self._at - count : self._at]

    def _unpack(self, form: struct.Struct) -> Any:
        return form.unpack(self._take(form.size))[0]

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at, self._at + LONGEST_LINE)
        if end < 0:
            raise ValueError(f"the line at byte {self._at} does not end")
        line = self._take(end - self._at)
        self._at += 1
        return line

    def _name(self) -> str:
        return self._line().decode("utf-8")

    # The stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _above_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below_marks.pop()
        return items

    def _mark(self) -> None:
        self._below_marks.append(self._stack)
        self._stack = []

    def _pop(self) -> None:
        # A mark counts as an item, as in Python's own machine.
        if self._stack:
            self._stack.pop()
        else:
            self._above_mark()

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise IndexError("the stack of the pickle is empty")
        items = tuple(self._stack[-count:])
        self._stack[-count:] = [items]

    def _remember(self, key: int) -> None:
        # Binary opcodes cannot name larger keys, and the hashes of larger numbers can be made to collide.
        if not 0 <= key < 1 << 32:
            raise ValueError("an entry of the memo that cannot be")
        self._memo[key] = self._stack[-1]

    def _recall(self, key: int) -> None:
        self._push(self._memo[key])

    # Numbers

    def _integer_line(self) -> None:
        line = self._line()
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else _decimal(line))

    def _long(self, size: int) -> None:
        if size > LONGEST_INTEGER:
            raise Refused(f"holds an integer of {size} bytes, as no weights do; {_REMEDY}")
        self._push(int.from_bytes(self._take(size), "little", signed=True))

    # Filling containers

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise TypeError(f"items are appended to {type(target).__name__}")

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if len(items) % 2:
            raise ValueError("a key without a value")
        if type(target) is dict:
            fill(target, zip(items[::2], items[1::2]))
        elif not isinstance(target, Placeholder):
            raise TypeError(f"items are set in {type(target).__name__}")

    def _dict_above_mark(self) -> None:
        items = self._above_mark()
        self._push({})
        self._set_items(items)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _add_items(self) -> None:
        items, target = self._above_mark(), self._stack[-1]
        if type(target) is set:
            target.update(plain_key(item) for item in items)
        elif not isinstance(target, Placeholder):
            raise TypeError(f"items are added to {type(target).__name__}")

    # Everything that would be code in Python's own machine

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(module) is not str or type(name) is not str:
            raise TypeError("the name of a global is no text")
        self._push(self._resolve(module, name))

    def _call(self, function: Any, arguments: Any) -> None:
        if not isinstance(function, Global) or type(arguments) is not tuple:
            raise TypeError(f"{type(function).__name__} is called")
        if len(arguments) > MOST_ARGUMENTS:
            raise Refused(f"calls something with {len(arguments)} arguments, as no weights do; {_REMEDY}")
        # A pickle may give the same large object a million times.
        for argument in arguments if function.copies else ():
            if type(argument) in _SIZED:
                self._copies_left -= len(argument) * (1 if type(argument) is str else _BYTES_PER_ITEM)
        if self._copies_left < 0:
            raise Refused(f"copies its data over and over, as no weights do; {_REMEDY}")
        self._push(function.build(*arguments))

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._call(function, arguments)

    def _new_with_keywords(self) -> None:
        keywords, arguments, function = self._stack.pop(), self._stack.pop(), self._stack.pop()
        if type(keywords) is not dict or keywords:
            raise TypeError("keywords are given to a builder")
        self._call(function, arguments)

    def _instance(self) -> None:
        arguments = self._above_mark()
        self._call(self._resolve(self._name(), self._name()), tuple(arguments))

    def _object(self) -> None:
        function, *arguments = self._above_mark()
        self._call(function, tuple(arguments))

    def _build(self) -> None:
        # An OrderedDict may have attributes, such as the _metadata of a state_dict. They are not needed.
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Placeholder):
            target.set_state(state)
        elif type(target) is not dict and not isinstance(target, np.ndarray):
            raise TypeError(f"a state is given to {type(target).__name__}")

    def _refuse_opcode(self) -> None:
        name = _REFUSED_OPCODES[self._data[self._at - 1]]
        raise Refused(f"uses the pickle opcode {name}, which weights do not need; nothing was run, {_REMEDY}")


def refuse_tangles(root: Any) -> None:
    """Raise ``Refused`` if code that walks ``root`` by recursion could fail or take forever.

    That is the case if a container holds itself, if there are more than ``MOST_NESTING`` levels, or if there are more
    than ``MOST_ITEMS`` items, where a shared item counts each time.
    """
    measures: dict[int, tuple[int, int]] = {}  # id of a container: (levels, items)
    entered: set[int] = set()
    path = [root]
    while path:
        item = path[-1]
        if id(item) in measures:
            path.pop()
            continue
        inner = [child for child in _children(item) if type(child) in _CONTAINERS]
        if id(item) in entered:
            levels = 1 + max((measures[id(child)][0] for child in inner), default=0)
            items = len(_children(item)) + sum(measures[id(child)][1] for child in inner)
            if levels > MOST_NESTING or items > MOST_ITEMS:
                raise Refused(f"nests its data deeper than weights do; {_REMEDY}")
            measures[id(item)] = levels, items
            entered.remove(id(item))
            path.pop()
        else:
            entered.add(id(item))
            if any(id(child) in entered for child in inner):
                raise Refused(f"holds a list or dict that contains itself; {_REMEDY}")
            path.extend(child for child in inner if id(child) not in measures)


_CONTAINERS = (list, tuple, dict)


def _children(item: Any) -> Collection[Any]:
    if type(item) is dict:
        return item.values()
    return item if type(item) in _CONTAINERS else ()


def _decimal(line: bytes) -> int:
    if len(line) > LONGEST_INTEGER:
        raise Refused(f"holds an integer of {len(line)} digits, as no weights do; {_REMEDY}")
    return int(line)


_UINT1, _UINT2, _INT4, _UINT4, _UINT8, _DOUBLE = (struct.Struct(form) for form in ("<B", "<H", "<i", "<I", "<Q", ">d"))
_STOP = ord(".")
_REFUSED_OPCODES = {
    ord("P"): "PERSID",
    ord("S"): "STRING",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}

_ACTIONS: dict[int, Callable[[Machine], Any]] = {
    # Framing: what a plain reader may skip
    0x80: lambda m: m._take(1),  # PROTO
    0x95: lambda m: m._take(8),  # FRAME
    # Stack
    ord("("): Machine._mark,
    ord("0"): Machine._pop,
    ord("1"): Machine._above_mark,
    ord("2"): lambda m: m._push(m._stack[-1]),
    # Memo
    ord("p"): lambda m: m._remember(_decimal(m._line())),
    ord("q"): lambda m: m._remember(m._unpack(_UINT1)),
    ord("r"): lambda m: m._remember(m._unpack(_UINT4)),
    0x94: lambda m: m._remember(len(m._memo)),
    ord("g"): lambda m: m._recall(_decimal(m._line())),
    ord("h"): lambda m: m._recall(m._unpack(_UINT1)),
    ord("j"): lambda m: m._recall(m._unpack(_UINT4)),
    # Constants and numbers
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("I"): Machine._integer_line,
    ord("J"): lambda m: m._push(m._unpack(_INT4)),
    ord("K"): lambda m: m._push(m._unpack(_UINT1)),
    ord("M"): lambda m: m._push(m._unpack(_UINT2)),
    ord("L"): lambda m: m._push(_decimal(m._line().rstrip(b"L"))),
    0x8A: lambda m: m._long(m._unpack(_UINT1)),
    0x8B: lambda m: m._long(m._unpack(_INT4)),
    ord("F"): lambda m: m._push(float(m._line())),
    ord("G"): lambda m: m._push(m._unpack(_DOUBLE)),
    # Text and bytes
    ord("T"): lambda m: m._push(m._take(m._unpack(_INT4)).decode("latin-1")),
    ord("U"): lambda m: m._push(m._take(m._unpack(_UINT1)).decode("latin-1")),
    ord("V"): lambda m: m._push(m._line().decode("raw-unicode-escape")),
    ord("X"): lambda m: m._push(m._take(m._unpack(_UINT4)).decode("utf-8")),
    0x8C: lambda m: m._push(m._take(m._unpack(_UINT1)).decode("utf-8")),
    0x8D: lambda m: m._push(m._take(m._unpack(_UINT8)).decode("utf-8")),
    ord("B"): lambda m: m._push(m._take_bytes(m._unpack(_UINT4))),
    ord("C"): lambda m: m._push(m._take_bytes(m._unpack(_UINT1))),
    0x8E: lambda m: m._push(m._take_bytes(m._unpack(_UINT8))),
    0x96: lambda m: m._push(m._take_bytes(m._unpack(_UINT8))),  # BYTEARRAY8
    # Containers
    ord(")"): lambda m: m._push(()),
    ord("t"): lambda m: m._push(tuple(m._above_mark())),
    0x85: lambda m: m._tuple(1),
    0x86: lambda m: m._tuple(2),
    0x87: lambda m: m._tuple(3),
    ord("]"): lambda m: m._push([]),
    ord("l"): lambda m: m._push(m._above_mark()),
    ord("a"): lambda m: m._extend([m._stack.pop()]),
    ord("e"): lambda m: m._extend(m._above_mark()),
    ord("}"): lambda m: m._push({}),
    ord("d"): Machine._dict_above_mark,
    ord("s"): Machine._set_item,
    ord("u"): lambda m: m._set_items(m._above_mark()),
    0x8F: lambda m: m._push(set()),
    0x90: Machine._add_items,
    0x91: lambda m: m._push(frozenset(plain_key(item) for item in m._above_mark())),
    # Globals and what is made of them
    ord("c"): lambda m: m._push(m._resolve(m._name(), m._name())),
    0x93: Machine._stack_global,
    ord("R"): Machine._reduce,
    0x81: Machine._reduce,  # NEWOBJ
    0x92: Machine._new_with_keywords,
    ord("i"): Machine._instance,
    ord("o"): Machine._object,
    ord("b"): Machine._build,
    ord("Q"): lambda m: m._push(m._load(m._stack.pop())),
    **dict.fromkeys(_REFUSED_OPCODES, Machine._refuse_opcode),
}
