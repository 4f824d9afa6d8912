"""What passes, what fails, and how differences are told, on answers made by hand."""

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
    return [each for each in limits.differences(ours, theirs or answer(), depth) if not each.passed]


def test_equal_answers_pass():
    found = limits.differences(answer(), answer(), 18)
    assert limits.drift(answer()) is None
    assert len(found) == 8
    assert all(each.passed and each.largest == 0 for each in found)


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


def test_steps_may_drift_as_the_peer_does():
    exact = [4.0, 3.5]
    assert limits.drift(trained([4.0, 3.5035], exact)) == pytest.approx(1e-3)
    ours = trained([4.0, 3.5 * 1.0015], exact)
    assert len(failed(ours, trained(exact, exact))) == 1
    # Twice the peer's own drift, since either may be that far from the exact figure.
    assert len(failed(ours, trained([4.0, 3.5 * 0.9995], exact))) == 1
    assert not failed(ours, trained([4.0, 3.5 * 0.998], exact))


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
    assert limits.worst(failed(answer(forward__logits=np.array([0, np.nan]))))["float32", "forward"].passed is False


def test_worst_of_each_part():
    ours = changed("gradient_norm.b.weight", 1e-4)
    summary = limits.worst(limits.differences(ours, answer(), 18))
    assert {part for _, part in summary} == {"forward", "metric", "loss", "gradients", "statistics", "train"}
    assert summary["float32", "gradients"].name == "gradient_norm.b.weight"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"names": np.array(["b.weight"])}, "same parameters"),
        ({"checksum": np.array(8)}, "same weights"),
        ({"float32/train/more": np.array(1.0)}, "did not answer the same"),
        ({"float32/train/losses": np.array(1.0)}, "has the shape"),
    ],
)
def test_sides_that_cannot_be_compared(change, sentence):
    with pytest.raises(UserError, match=sentence):
        limits.differences({**answer(), **change}, answer(), 18)
