"""The state of the random generators of a run, as text that a checkpoint can hold.

Data transforms draw from Python's and numpy's generators, in the order of the batches; ``samples.collate`` notes their
state behind each batch, because the loader reads ahead. Dropout draws from Paddle's generator in the loop itself.
"""

import base64
import pickle
import random
from ast import literal_eval

import numpy as np
import paddle

from paddleseg_ext.weights.safe_pickle import loads


def of_data() -> str:
    """The state of Python's and numpy's generators."""
    kind, words, *rest = np.random.get_state()
    return repr((random.getstate(), (kind, words.tolist(), *rest)))


def restore_of_data(text: str) -> None:
    """Set Python's and numpy's generators to a state that ``of_data`` noted."""
    python, (kind, words, *rest) = literal_eval(text)
    random.setstate(python)
    np.random.set_state((kind, np.array(words, dtype=np.uint32), *rest))


def data_seed() -> int:
    """A seed that follows from numpy's state without drawing from it: fixed after ``np.random.seed``."""
    return int(np.random.get_state()[1][0])


def of_paddle(seed: int) -> str:
    """The state of Paddle's generator on the current device.

    Paddle 2.6 writes down the seed of its CPU generator but not how far it has drawn. There the generator is seeded
    anew with ``seed``, now and again by ``restore_of_paddle``, so a run that goes on past a checkpoint and one that is
    resumed from it still draw the same.
    """
    states = paddle.get_rng_state()
    written = pickle.dumps(states)
    if [_words(state) for state in pickle.loads(written)] == [_words(state) for state in states]:
        return base64.b64encode(written).decode("ascii")
    paddle.seed(seed)
    return f"seed {seed}"


def _words(state: object) -> list:
    """The numbers that a generator's state shows, without the address that Paddle 3 shows among them."""
    return [word for word in str(state).split() if not word.startswith("0x")]


def restore_of_paddle(text: str) -> None:
    """Set Paddle's generator to a state that ``of_paddle`` noted."""
    if text.startswith("seed "):
        paddle.seed(int(text.split()[1]))
    else:
        paddle.set_rng_state(loads(base64.b64decode(text)))
