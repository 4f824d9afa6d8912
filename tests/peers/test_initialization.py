"""What the weights of the heads are drawn from before training, by us and by SSSegmentation and mmsegmentation."""

import numpy as np
import paddle
import pytest

from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.parity import our_side
from tests.peers.conftest import PEERS


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
                theirs = their_name(name, IMPLEMENTATIONS[peer_of], model)
                ours.setdefault(theirs, []).append(value.numpy().ravel())
    theirs = peer("models", settings={**settings, "draws": draws})
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        values = np.concatenate(ours[name])
        assert values.size == expected.size
        distance, limit = two_sample_distance(values, expected.ravel())
        assert distance < limit, f"{name}: {values.std()} against {expected.std()}"
