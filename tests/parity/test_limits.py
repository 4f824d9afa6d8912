"""What passes, what fails, and how differences are reported, on answers made by hand."""

import numpy as np
import pytest

from paddleseg_ext.errors import UserError
from paddleseg_ext.parity import limits


def answer(**changes):
    """One of each kind of entry; ``changes`` are added to the entries, dots and slashes written as two underscores."""
    entries = {
        "float32/forward/logits": np.array([1.0, -2.0]),
        "float32/metric/miou": np.array(0.5),
        "float32/loss/total": np.array(4.0),
        "float32/backward/gradient_norm.a.weight": np.array(0.1),
        "float32/backward/gradient_norm.b.weight": np.array(0.1),
        "float32/backward/gradient_norm.zero": np.array(1e-9),
        "float32/backward/a.running_var": np.array([1.0, 3.0]),
        "float32/train/losses": np.array([4.0, 3.5]),
    }
    for name, by in changes.items():
        entries["float32/" + name.replace("__", "/")] += by
    return {"names": np.array(["a.weight", "a.num_batches_tracked"]), "checksum": np.array(7), **entries}


def failed(ours, theirs=None, depth=18):
    return [each for each in limits.differences(ours, theirs or answer(), depth) if each.failed]


def test_equal_answers_pass():
    found = limits.differences(answer(), answer(), 18)
    assert limits.drift(answer()) is None
    assert len(found) == 8
    assert all(each.verdict == "PASS" and each.largest == 0 for each in found)


@pytest.mark.parametrize(
    ("name", "inside", "beyond"),
    [
        ("forward__logits", 4e-5, 6e-5),
        ("metric__miou", 9e-4, 2e-3),
        ("loss__total", 3e-5, 5e-5),
        ("train__losses", 3e-3, 5e-3),
    ],
)
def test_limits(name, inside, beyond):
    assert not failed(answer(**{name: inside}))
    (difference,) = failed(answer(**{name: beyond}))
    assert difference.name == name.split("__")[1]
    assert str(difference).endswith("FAIL")


def trained(rounded, exact):
    """An answer with the losses of two steps in both precisions."""
    return {**answer(), "float32/train/losses": np.array(rounded), "float64/train/losses": np.array(exact)}


def verdict_of_steps(by, peers_own):
    """Of steps in float32 that end ``by`` from the peer's, which end ``peers_own`` from its float64."""
    exact, theirs = [4.0, 3.5], [4.0, 3.5 * (1 + peers_own)]
    found = limits.differences(trained([4.0, theirs[1] * (1 + by)], exact), trained(theirs, exact), 18)
    (verdict,) = [each.verdict for each in found if (each.dtype, each.step) == ("float32", "train")]
    return verdict


def test_float32_cannot_tell_where_the_peer_drifts_itself():
    assert limits.drift(trained([4.0, 3.5035], [4.0, 3.5])) == pytest.approx(1e-3)
    assert verdict_of_steps(0.9e-3, 5e-3) == "PASS"
    assert verdict_of_steps(1.1e-3, 0) == "FAIL"
    # A peer that stands still decides; one that drifts does not, until far beyond what rounding does to it.
    assert verdict_of_steps(1.1e-3, 0.9e-4) == "FAIL"
    assert verdict_of_steps(1.1e-3, 2e-4) == "UNDECIDED"
    assert verdict_of_steps(1.9e-2, 2e-3) == "UNDECIDED"
    assert verdict_of_steps(2.1e-2, 2e-3) == "FAIL"
    assert verdict_of_steps(np.nan, 2e-3) == "FAIL"


def test_steps_in_float64_may_not():
    theirs = trained([4.0, 3.6], [4.0, 3.5])
    assert not failed(trained([4.0, 3.6], [4.0, 3.5 * (1 + 9e-7)]), theirs)
    assert len(failed(trained([4.0, 3.6], [4.0, 3.5 * (1 + 2e-6)]), theirs)) == 1


def changed(name, by):
    made = answer()
    made[f"float32/backward/{name}"] = made[f"float32/backward/{name}"] + by
    return made


def test_gradients_are_relative_and_by_depth():
    assert not failed(changed("gradient_norm.a.weight", 4e-4))
    assert len(failed(changed("gradient_norm.a.weight", 6e-4))) == 1
    assert not failed(changed("gradient_norm.a.weight", 6e-4), depth=50)


def test_gradients_that_are_zero_in_theory_are_absolute():
    (zero,) = [each for each in limits.differences(answer(), answer(), 18) if each.name == "gradient_norm.zero"]
    assert zero.measure == "absolute"
    assert not failed(changed("gradient_norm.zero", 5e-7))
    assert len(failed(changed("gradient_norm.zero", 5e-6))) == 1


def test_running_statistics():
    assert not failed(changed("a.running_var", 9e-6))
    assert len(failed(changed("a.running_var", 2e-5))) == 1


def test_not_a_number_fails():
    assert len(failed(answer(loss__total=np.nan))) == 1
    assert limits.worst(failed(answer(forward__logits=np.array([0, np.nan]))))["float32", "forward"].failed


def test_worst_of_each_part():
    ours = changed("gradient_norm.b.weight", 1e-4)
    summary = limits.worst(limits.differences(ours, answer(), 18))
    assert {part for _, part in summary} == {"forward", "metric", "loss", "gradients", "statistics", "train"}
    assert summary["float32", "gradients"].name == "gradient_norm.b.weight"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"names": np.array(["b.weight"])}, "different parameters; only one of them has a.weight, b.weight"),
        ({"checksum": np.array(8)}, "drew different weights"),
        ({"float32/train/more": np.array(1.0)}, "answered different entries"),
        ({"float32/train/losses": np.array(1.0)}, "has the shape"),
    ],
)
def test_sides_that_cannot_be_compared(change, sentence):
    with pytest.raises(UserError, match=sentence):
        limits.differences({**answer(), **change}, answer(), 18)
