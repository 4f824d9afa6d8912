"""The state of the random generators: written as plain JSON, and set again to the last draw."""

import base64
import gzip
import json
import pickle
import random
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_ext.engine import random_state
from paddleseg_ext.errors import UserError

RECORDED = Path(__file__).with_name("random_states_0_1_0.json.gz")


def draw() -> dict:
    return {
        "random": random.random(),
        "gauss": random.gauss(0, 1),
        "numpy": np.random.rand(2).tolist(),
        "normal": np.random.randn(2).tolist(),
        "paddle": paddle.rand([4]).numpy().tolist(),
    }


def noted() -> dict:
    return {"data": json.loads(random_state.of_data()), "paddle": random_state.of_paddle(11)}


def as_version_0_1_0(states: dict) -> dict:
    """The same states as version 0.1.0 wrote them."""
    python, numpy = (states["data"][name] for name in ("python", "numpy"))
    data = repr(((python[0], tuple(python[1]), python[2]), tuple(numpy)))
    if "seed" in states["paddle"]:
        return {"data": data, "paddle": f"seed {states['paddle']['seed']}"}
    pickled = pickle.dumps(paddle.get_rng_state())
    return {"data": data, "paddle": base64.b64encode(pickled).decode("ascii")}


def test_what_is_noted_is_plain_json_and_gives_the_same_draws():
    np.random.randn(1)  # half of a pair, which the state holds as well
    random.gauss(0, 1)
    states = json.loads(json.dumps(noted()))
    first = draw()
    random.seed(0)
    np.random.seed(0)
    paddle.seed(0)
    random_state.restore(states)
    assert draw() == first


def test_what_version_0_1_0_noted_gives_the_same_draws():
    states = noted()
    old = as_version_0_1_0(states)
    first = draw()
    random_state.restore(old)
    assert draw() == first


def test_a_file_of_version_0_1_0():
    """Recorded with that version on Paddle 3.2.2: the states of all generators, and what they drew next."""
    recorded = json.loads(gzip.decompress(RECORDED.read_bytes()))
    random_state.restore_of_data(recorded["random_states"][0]["data"])
    expected = {name: value for name, value in recorded["draws"].items() if name != "paddle"}
    assert {name: value for name, value in draw().items() if name != "paddle"} == expected
    if "seed" in random_state.of_paddle(1):
        pytest.skip("this Paddle cannot take the state of a generator")
    random_state.restore_of_paddle(recorded["random_states"][0]["paddle"])
    assert paddle.rand([4]).numpy().tolist() == recorded["draws"]["paddle"]


def test_a_generator_that_cannot_be_written_down_is_seeded_now_and_again(monkeypatch):
    monkeypatch.setattr(random_state, "_words", lambda state: [object()])
    state = random_state.of_paddle(17)
    first = paddle.rand([3]).numpy().tolist()
    assert state == {"seed": 17}
    random_state.restore_of_paddle(json.loads(json.dumps(state)))
    assert paddle.rand([3]).numpy().tolist() == first


def test_states_of_more_generators_than_there_are_change_nothing(capsys):
    state = random_state.of_paddle(1)
    generators = state.get("generators") or [{"device": -1, "seed": 1, "offset": 0}]
    first = paddle.rand([2]).numpy().tolist()
    random_state.restore_of_paddle({"generators": generators * 2})
    assert paddle.rand([2]).numpy().tolist() != first
    assert "states of 2 random generators" in capsys.readouterr().out


def damaged() -> dict:
    good = noted()
    data, paddle_state = good["data"], {"device": -1, "seed": 1, "offset": 0}
    engine = " ".join(["1"] * 313)
    return {
        "a list": [],
        "no paddle": {"data": data},
        "too few words": {**good, "data": {**data, "python": [3, [1, 2], None]}},
        "text for words": {**good, "data": {**data, "numpy": ["MT19937", ["a"] * 624, 0, 0, 0.0]}},
        "another generator": {**good, "data": {**data, "numpy": ["PCG64", [1] * 624, 0, 0, 0.0]}},
        "words that are too large": {**good, "data": {**data, "numpy": ["MT19937", [2**32] * 624, 0, 0, 0.0]}},
        "a literal of great depth": {**good, "data": "(" * 100_000},
        "a call": {**good, "data": "(__import__('os').system('true'), 1)"},
        "a negative seed": {**good, "paddle": {"seed": -1}},
        "a seed of text": {**good, "paddle": {"seed": "1"}},
        "half an engine": {**good, "paddle": {"generators": [{**paddle_state, "engine": "1 2 3"}]}},
        "a huge word": {**good, "paddle": {"generators": [{**paddle_state, "engine": engine[:-1] + "9" * 20}]}},
        "an engine of bytes": {**good, "paddle": {"generators": [{**paddle_state, "engine": [1, 2]}]}},
        "a device of text": {**good, "paddle": {"generators": [{**paddle_state, "device": "gpu"}]}},
        "no base64": {**good, "paddle": "!!!"},
        "generators of text": {**good, "paddle": {"generators": ["abc"]}},
        "generators in a table": {**good, "paddle": {"generators": {"abc": 1}}},
        "Paddle's state in a list": {**good, "paddle": ["generators"]},
    }


def out_of_range() -> dict:
    """Python's and numpy's states with one number that their generators do not check, or check with another error."""
    python, numpy = noted()["data"].values()

    def changed(state: list, place: int, value: object) -> list:
        return [*state[:place], value, *state[place + 1 :]]

    numbers = (-5, 625, 2147483647, 2**80, 1.0, True, None, "1")
    words = python[1]
    return {
        **{f"numpy at {value!r}": (python, changed(numpy, 2, value)) for value in numbers},
        **{f"numpy with half a pair {value!r}": (python, changed(numpy, 3, value)) for value in (-1, 2, True, None)},
        **{
            f"numpy's {value!r}": (python, changed(numpy, 4, value))
            for value in (float("nan"), float("inf"), "1", None)
        },
        "numpy without its pair": (python, numpy[:3]),
        "numpy with too many words": (python, changed(numpy, 1, numpy[1] + [1])),
        **{f"Python at {value!r}": (changed(python, 1, changed(words, 624, value)), numpy) for value in numbers},
        **{f"Python's word {value!r}": (changed(python, 1, changed(words, 0, value)), numpy) for value in (-1, 2**32)},
        **{f"Python's {value!r}": (changed(python, 2, value), numpy) for value in (float("nan"), "1", True)},
        **{f"version {value!r} of Python": (changed(python, 0, value), numpy) for value in (2, 4, None)},
    }


@pytest.mark.parametrize("name", out_of_range())
@pytest.mark.parametrize("version", ["now", "0.1.0"])
def test_states_out_of_range_are_one_sentence(name, version):
    states = noted()
    python, numpy = out_of_range()[name]
    states["data"] = {"python": python, "numpy": numpy}
    if version == "0.1.0":
        states = as_version_0_1_0(states)
    before = random.getstate(), np.random.get_state()
    with pytest.raises(UserError, match=r"random states in trainer\.json are damaged"):
        random_state.restore(states)
    assert random.getstate() == before[0]
    assert repr(np.random.get_state()) == repr(before[1])


@pytest.mark.parametrize("name", damaged())
def test_damaged_states_are_one_sentence(name):
    before = random.getstate()
    try:
        with pytest.raises(UserError, match=r"random states in trainer\.json are damaged|is damaged or cut short"):
            random_state.restore(damaged()[name])
    finally:
        random.setstate(before)
