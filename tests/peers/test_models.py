"""The three models beside those of SSSegmentation and mmsegmentation, by the steps of ``paddleseg_ext.parity``."""

import numpy as np
import pytest

from paddleseg_ext.parity import limits, our_side
from paddleseg_ext.parity.__main__ import main
from tests.golden.parity import record
from tests.peers.conftest import PEERS, PYTHON

# A quarter of the published width, which leaves every connection as it is.
THIN = 16


@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_every_step(protocol, peer_of, model):
    # Twenty steps on one batch: where batches differ, the peer's own ISANet is beyond the limit from itself.
    theirs = protocol(peer=peer_of, model=model, base_channels=THIN, training_batches=1)
    losses = theirs["float32/train/losses"]
    # Ten times the limit, or the steps would show nothing.
    assert losses[0] - losses[-1] > 10 * limits.TRAINING["float32"] * losses[0]
    assert 0.3 < theirs["float64/forward/logits"].std() < 3


@pytest.mark.parametrize("size", [[64, 96], [65, 96]])
@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_other_sizes(protocol, peer_of, model, size):
    protocol(peer=peer_of, model=model, base_channels=THIN, size=size, steps=["forward", "loss"])


@pytest.mark.parametrize("mask_size", [[66, 66], [17, 21], [5, 7]])
@pytest.mark.parametrize("peer_of", PEERS)
def test_masks(protocol, peer_of, mask_size):
    """Even, just covering the map of 9 x 11 (shrunk from 17 x 21), and smaller than it."""
    settings = {"base_channels": THIN, "size": [129, 161], "mask_size": mask_size}
    protocol(peer=peer_of, model="psanet", **settings, steps=["forward"])


@pytest.mark.parametrize("model", our_side.MODELS)
def test_stride_16_and_aligned_corners(protocol, model):
    settings = {"base_channels": THIN, "size": [129, 145], "output_stride": 16, "align_corners": True}
    protocol(peer="mmseg", model=model, **settings, steps=["forward", "metric", "loss"])


def test_recorded_answers_are_current(peer_answers):
    for name, settings in record.cases().items():
        with np.load(record.FOLDER / f"{name}.npz") as recorded:
            for key, value in record.summary(peer_answers(settings), "float64").items():
                np.testing.assert_allclose(value, recorded[key], rtol=1e-6, atol=1e-9, err_msg=f"{name} {key}")


def test_command_line_writes_what_reprod_log_reads(tmp_path, capsys):
    table = tmp_path / "table.md"
    flags = f"--peer mmseg --model pspnet --base_channels 8 --dtype float32 --save_dir {tmp_path} --report {table}"
    main([*flags.split(), "--peers_python", PYTHON])
    for step in our_side.STEPS:
        ours, theirs = (
            np.load(tmp_path / "float32" / f"{step}_{side}.npy", allow_pickle=True).tolist()
            for side in ("paddle", "torch")
        )
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            assert isinstance(value, np.ndarray) and value.shape == theirs[name].shape
        assert "PASS" in (tmp_path / "float32" / f"{step}_diff.txt").read_text()
    assert "| mmseg | pspnet | 18 | 8 | 65x97, width 8 |" in table.read_text()
    assert "FAIL" not in capsys.readouterr().out
