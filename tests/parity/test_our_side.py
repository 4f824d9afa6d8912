"""Our models against what the peers from PyPI answered (tests/golden/parity/record.py), without them."""

import json

import numpy as np
import pytest

from paddleseg_ext.parity import limits, our_side
from tests.golden.parity.record import FOLDER, batch_checksums, cases, summary


def recorded(name):
    with np.load(FOLDER / f"{name}.npz") as arrays:
        theirs = dict(arrays)
    info = json.loads(bytes(theirs.pop("info")))
    assert info["settings"] == cases()[name]
    assert info["batches"] == batch_checksums(info["settings"])
    return info["weights"], theirs


@pytest.mark.parametrize("name", cases())
def test_recorded_answer(name):
    weights, theirs = recorded(name)
    settings = cases()[name]
    answer = our_side.run({**settings, "dtypes": ["float32"]})
    assert int(answer["checksum"]) == weights
    ours = summary(answer, "float32")
    assert set(ours) == set(theirs)

    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=limits.LOGITS["float32"], rtol=0)
    if "loss" in theirs:
        np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=limits.LOSS["float32"])
        np.testing.assert_allclose(
            ours["gradient_norms"],
            theirs["gradient_norms"],
            rtol=limits.GRADIENTS["float32"][settings["depth"]],
            atol=limits.ZERO["float32"] * np.median(theirs["gradient_norms"]),
        )
        np.testing.assert_allclose(ours["statistics"], theirs["statistics"], rtol=limits.STATISTICS["float32"])
    if "losses" in theirs:
        np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=limits.TRAINING["float32"])
        assert ours["losses"][0] - ours["losses"][-1] > 5 * limits.TRAINING["float32"] * ours["losses"][0]


@pytest.mark.parametrize("name", [name for name, settings in cases().items() if "train" in settings["steps"]])
def test_steps_in_float64_are_the_same(name):
    """To the rounding of float64: no constant, weight or share of pixels is rounded to float32 on the way."""
    _, theirs = recorded(name)
    ours = summary(our_side.run(cases()[name]), "float64")
    zero = limits.ZERO["float64"] * np.median(theirs["gradient_norms"])
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-10)
    np.testing.assert_allclose(ours["gradient_norms"], theirs["gradient_norms"], rtol=1e-9, atol=zero)
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-9)
