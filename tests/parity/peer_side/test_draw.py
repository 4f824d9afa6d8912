"""Draws that both sides make on their own, so they must never change."""

import numpy as np
import pytest

from paddleseg_ext.parity.peer_side.draw import checksum, draw_batch, draw_calibrated, draw_weight

CHECKSUM = 1096015001
SHAPES = {
    "backbone.layer1.0.conv1.weight": (8, 4, 3, 3),
    "backbone.layer1.0.bn2.weight": (8,),
    "backbone.layer1.0.bn3.weight": (8,),
    "backbone.layer1.0.bn3.bias": (8,),
    "backbone.layer1.0.bn3.running_mean": (8,),
    "backbone.layer1.0.bn3.running_var": (8,),
    "decode_head.conv_seg.weight": (3, 8, 1, 1),
}


def drawn(seed: int) -> dict:
    return {name: draw_calibrated(name, shape, seed) for name, shape in SHAPES.items()}


def test_the_draws_of_a_seed_are_pinned():
    assert checksum(drawn(5)) == CHECKSUM
    assert checksum(drawn(6)) != CHECKSUM


def test_the_checksum_does_not_depend_on_order_or_counters():
    weights = drawn(5)
    turned = dict(reversed(weights.items()), **{"bn.num_batches_tracked": np.int64(7)})
    assert checksum(turned) == checksum(weights)


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("backbone.")])
def test_the_backbone_is_the_same_under_the_name_of_either_peer(name):
    ssseg = name.replace("backbone.", "backbone_net.")
    np.testing.assert_array_equal(draw_calibrated(ssseg, SHAPES[name], 5), draw_calibrated(name, SHAPES[name], 5))


def test_filters_sum_to_zero_and_the_last_scale_of_a_block_is_small():
    filters = draw_weight("layer1.0.conv1.weight", (8, 4, 3, 3), 5)
    np.testing.assert_allclose(filters.sum(axis=(1, 2, 3)), 0, atol=1e-5)
    plain, small = (draw("layer1.0.bn3.weight", (8,), 5) for draw in (draw_weight, draw_calibrated))
    np.testing.assert_array_equal(small, plain * np.float32(0.25))


def test_a_batch_has_ignored_pixels_and_every_class():
    images, labels = draw_batch(5, 2, (33, 65), 19)
    assert images.shape == (2, 3, 33, 65) and images.dtype == np.float32
    assert labels.shape == (2, 33, 65) and labels.dtype == np.int64
    assert sorted(set(labels.ravel())) == [*range(19), 255]
    assert 0.05 < (labels == 255).mean() < 0.15
