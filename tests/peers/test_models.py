"""The three models beside those of SSSegmentation and mmsegmentation, by the steps of ``paddleseg_ext.parity``."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.convert.names import peer_name
from paddleseg_ext.parity import limits, our_side
from paddleseg_ext.parity.__main__ import main
from paddleseg_ext.parity.peer_process import PEER_SIDE, PeerProcess
from tests.golden.parity import record
from tests.peers.conftest import PYTHON

PEERS = ["ssseg", "mmseg"]


# A quarter of the published width, which leaves every connection as it is.
THIN = 16


@pytest.fixture(scope="module")
def peer_answers():
    """``peer_answers(settings)``: what the peer's half of ``paddleseg_ext.parity`` answers."""
    with PeerProcess(PYTHON, PEER_SIDE / "protocol.py") as peer:
        yield peer


@pytest.fixture
def protocol(peer_answers):
    """``protocol(peer=..., model=..., ...)``: both sides' answers differ by no more than the limits."""

    def compare(**changes):
        settings = our_side.default_settings(**changes)
        theirs = peer_answers(settings)
        found = limits.differences(our_side.run(settings), theirs, settings["depth"])
        assert [str(each) for each in found if not each.passed] == []
        return theirs

    return compare


@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_every_step(protocol, peer_of, model):
    theirs = protocol(peer=peer_of, model=model, base_channels=THIN, training_batches=5)
    losses = theirs["float32/train/losses"]
    # Of one batch, ten times the limit, or the steps would show nothing.
    assert losses[0] - losses[15] > 10 * limits.TRAINING["float32"] * losses[0]
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


@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_published_width(protocol, peer_of, model):
    protocol(peer=peer_of, model=model, depth=50, steps=["forward", "loss", "backward"])


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


def two_sample_distance(a, b):
    """The Kolmogorov-Smirnov statistic, and what it exceeds once in a million for samples of one distribution."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    distance = np.abs(
        np.searchsorted(a, both, side="right") / a.size - np.searchsorted(b, both, side="right") / b.size
    ).max()
    return distance, np.sqrt(np.log(2e6) / 2 * (a.size + b.size) / (a.size * b.size))


@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_first_weights_of_the_heads(peer, peer_of, model):
    draws = 4
    settings = our_side.default_settings(peer=peer_of, model=model, num_classes=150, mask_size=[9, 9])
    ours = {}
    for seed in range(draws):
        paddle.seed(seed)
        for name, value in our_side.build(settings).state_dict().items():
            if not name.startswith("backbone"):
                ours.setdefault(peer_name(name, peer_of, model), []).append(value.numpy().ravel())
    theirs = peer("models", settings={**settings, "draws": draws})
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        values = np.concatenate(ours[name])
        assert values.size == expected.size
        distance, limit = two_sample_distance(values, expected.ravel())
        assert distance < limit, f"{name}: {values.std()} against {expected.std()}"
