"""Our models against what the peers from PyPI answered (tests/golden/parity/record.py), without them."""

import json

import numpy as np
import pytest

from paddleseg_ext.parity import limits, our_side
from tests.golden.parity.record import FOLDER, batch_checksums, cases, summary


@pytest.mark.parametrize("name", cases())
def test_recorded_answer(name):
    with np.load(FOLDER / f"{name}.npz") as arrays:
        theirs = dict(arrays)
    info = json.loads(bytes(theirs.pop("info")))
    settings = cases()[name]
    assert info["settings"] == settings
    assert info["batches"] == batch_checksums(settings)
    answer = our_side.run({**settings, "dtypes": ["float32"]})
    assert int(answer["checksum"]) == info["weights"]
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
        np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=limits.TRAINING)
        assert ours["losses"][0] - ours["losses"][-1] > 5 * limits.TRAINING * ours["losses"][0]
