"""As test_models.py, in the width and depth of the published checkpoints."""

import pytest

from paddleseg_ext.parity import our_side
from tests.peers.conftest import PEERS


@pytest.mark.parametrize("model", our_side.MODELS)
@pytest.mark.parametrize("peer_of", PEERS)
def test_published_width(protocol, peer_of, model):
    protocol(peer=peer_of, model=model, depth=50, steps=["forward", "loss", "backward"])
