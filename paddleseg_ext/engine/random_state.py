"""The state of the random generators of a run, of JSON's types, so that a checkpoint can hold it as plain text.

Data transforms draw from Python's and numpy's generators, in the order of the batches; ``samples.collate`` notes their
state behind each batch, because the loader reads ahead. Dropout draws from Paddle's generator in the loop itself.
"""

import base64
import json
import math
import random
import re
from ast import literal_eval
from typing import Any

import numpy as np
import paddle
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.weights.paddle_file import read_generator_states

# The 312 words of a 64-bit Mersenne Twister and the place in them, as C++ writes the generator down.
_ENGINE = re.compile(r"\d{1,20}( \d{1,20}){312}")
_WORD = 1 << 64
# The 32-bit Mersenne Twister of Python and numpy.
_KEYS = 624


def of_data() -> str:
    """The state of Python's and numpy's generators, as a text of JSON, which Paddle's loader hands on unchanged."""
    version, words, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()
    state = {"python": [version, list(words), gauss], "numpy": [kind, np.asarray(keys).tolist(), *rest]}
    return json.dumps(state)


def restore_of_data(state: Any) -> None:
    """Set Python's and numpy's generators.

    Args:
        state: The result of ``of_data``, or the value in that text. Version 0.1.0 wrote a Python literal.

    Raises:
        KeyError, TypeError, ValueError, SyntaxError: It is no such state. The generators are unchanged.
    """
    if isinstance(state, str):
        state = _of_version_0_1(state) if state.startswith("(") else json.loads(state)
    version, words, gauss = state["python"]
    kind, keys, position, has_gauss, cached_gauss = state["numpy"]
    if version != 3 or kind != "MT19937":
        raise ValueError(f"a generator {kind!r} and one of version {version!r}")
    *python_keys, python_position = words
    # numpy does not check the position, and reads memory outside of its keys.
    for some_keys, place in ((python_keys, python_position), (keys, position)):
        if type(some_keys) is not list or len(some_keys) != _KEYS:
            raise ValueError(f"a generator without its {_KEYS} words")
        for key in some_keys:
            _below(key, 1 << 32)
        _below(place, _KEYS + 1)
    _below(has_gauss, 2)
    for value in (cached_gauss, *([] if gauss is None else [gauss])):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{value!r} is no finite number")
    random.setstate((version, (*python_keys, python_position), gauss))
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached_gauss))


def _of_version_0_1(text: str) -> dict[str, list]:
    (version, words, gauss), numpy = literal_eval(text)
    return {"python": [version, list(words), gauss], "numpy": list(numpy)}


def restore(states: Any) -> None:
    """Set all generators of this process.

    Args:
        states: ``data`` and ``paddle``, as ``trainer.json`` holds them for each process.

    Raises:
        UserError: They are damaged.
    """
    try:
        restore_of_data(states["data"])
        restore_of_paddle(states["paddle"])
    except (LookupError, TypeError, ValueError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        raise UserError(
            f"--resume_model: the random states in trainer.json are damaged ({type(error).__name__}: "
            f"{one_line(error)[:120]}); resume from another checkpoint."
        ) from error


def data_seed() -> int:
    """A seed that follows from numpy's state without drawing from it: fixed after ``np.random.seed``."""
    _, keys, *_ = np.random.get_state()
    return int(np.asarray(keys)[0])


def of_paddle(seed: int) -> dict[str, Any]:
    """The state of Paddle's generator on the current device.

    Paddle 2.6 writes down the seed of its CPU generator but not how far it has drawn. There the generator is seeded
    again with ``seed``, now and by ``restore_of_paddle``, so a run that continues past a checkpoint and one that is
    resumed from it still draw the same.

    Returns:
        ``{"generators": [...]}``, or ``{"seed": seed}``.
    """
    states = paddle.get_rng_state()
    written = [_as_json(state) for state in states]
    if [_words(_generator_state(one)) for one in written] == [_words(state) for state in states]:
        return {"generators": written}
    paddle.seed(seed)
    return {"seed": seed}


def restore_of_paddle(state: Any) -> None:
    """Set Paddle's generator.

    Args:
        state: The result of ``of_paddle``. Version 0.1.0 wrote ``seed N``, or a pickle in base64; that pickle is read
            without running it.

    Raises:
        KeyError, TypeError, ValueError, UserError: It is no such state.
    """
    if isinstance(state, str):
        state = _of_paddle_in_version_0_1(state)
    if type(state) is not dict:
        raise TypeError(f"the state of Paddle's generator is a {type(state).__name__}")
    if "seed" in state:
        paddle.seed(_below(state["seed"], _WORD))
        return
    if type(state["generators"]) is not list:
        raise TypeError("the states of Paddle's generators are no list")
    generators = [_generator_state(one) for one in state["generators"]]
    if len(generators) != len(paddle.get_rng_state()):
        logger.warning(
            f"The checkpoint holds the states of {len(generators)} random generators of Paddle, and there are "
            f"{len(paddle.get_rng_state())} here; dropout draws other numbers than it would have."
        )
        return
    paddle.set_rng_state(generators)


def _of_paddle_in_version_0_1(text: str) -> dict[str, Any]:
    if text.startswith("seed "):
        return {"seed": int(text.split()[1])}
    states = read_generator_states(base64.b64decode(text, validate=True))
    return {"generators": [_named(state) for state in states]}


def _as_json(state: Any) -> dict[str, Any]:
    """A ``GeneratorState`` of Paddle by what it pickles: on Paddle 2.6 without its engine."""
    return _named(state.__getstate__())


def _named(parts: tuple) -> dict[str, Any]:
    device, seed, offset, *engine = parts
    return {
        "device": device,
        "seed": seed,
        "offset": offset,
        **({"engine": bytes(engine[0]).decode("ascii")} if engine else {}),
    }


def _generator_state(written: dict[str, Any]) -> Any:
    """The ``GeneratorState`` of Paddle that ``_as_json`` wrote down.

    Raises:
        KeyError, TypeError, ValueError: ``state`` is not such a state. Paddle itself checks nothing.
    """
    if type(written) is not dict:
        raise TypeError(f"the state of a generator is a {type(written).__name__}")
    engine = written.get("engine")
    if engine is not None and not (_ENGINE.fullmatch(engine) and all(int(word) < _WORD for word in engine.split())):
        raise ValueError("the engine of a generator is not 313 numbers")
    device = written["device"]
    if type(device) is not int or not -1 <= device < 1 << 10:
        raise ValueError(f"a generator of device {device!r}")
    parts = device, _below(written["seed"], _WORD), _below(written["offset"], _WORD)
    kind: Any = type(paddle.get_rng_state()[0])
    state = kind.__new__(kind)
    state.__setstate__(parts if engine is None else (*parts, list(engine.encode("ascii"))))
    return state


def _below(number: Any, limit: int) -> int:
    if type(number) is not int or not 0 <= number < limit:
        raise ValueError(f"{number!r} is no whole number from 0 to {limit - 1}")
    return number


def _words(state: object) -> list[str]:
    """The numbers that a generator's state shows, without the address that Paddle 3 shows among them."""
    return [word for word in str(state).split() if not word.startswith("0x")]
