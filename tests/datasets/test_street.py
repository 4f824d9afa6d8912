"""The scenes: what decides road or canal is far away and nowhere else."""

import numpy as np
import pytest

from paddleseg_ext.datasets import street

HEIGHT, WIDTH = 64, 128
SEEDS = range(12)
DECIDED_FAR_AWAY = [street.ROAD, street.CANAL, street.CAR, street.BOAT]


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.fixture(scope="module")
def twins() -> list:
    """For each seed the road and the canal: ((picture, label), (picture, label))."""
    return [tuple(street.draw_scene(_rng(seed), HEIGHT, WIDTH, canal) for canal in (False, True)) for seed in SEEDS]


def test_twins_differ_only_at_the_landmark(twins):
    for (road, road_label), (canal, canal_label) in twins:
        landmark = (road_label == street.LANDMARK) | (canal_label == street.LANDMARK)
        grown = np.pad(landmark, 1)
        reach = np.zeros_like(landmark)
        for down in range(3):  # The lens spreads each pixel over its eight neighbors.
            for right in range(3):
                reach |= grown[down : down + HEIGHT, right : right + WIDTH]
        differs = (road != canal).any(axis=2)
        assert differs.any()
        assert not (differs & ~reach).any()


def test_twins_swap_the_classes_decided_far_away_and_no_other(twins):
    swap = np.arange(256)
    swap[[street.ROAD, street.CAR]] = street.CANAL, street.BOAT
    for (_, road_label), (_, canal_label) in twins:
        landmark = (road_label == street.LANDMARK) | (canal_label == street.LANDMARK)
        assert np.array_equal(swap[road_label][~landmark], canal_label[~landmark])
        assert not np.isin(road_label, [street.CANAL, street.BOAT]).any()
        assert not np.isin(canal_label, [street.ROAD, street.CAR]).any()


def test_the_landmark_is_half_a_picture_away_from_most_of_what_it_decides(twins):
    for (_, label), _ in twins:
        landmark = np.nonzero(label == street.LANDMARK)[1].mean()
        decided = np.nonzero(np.isin(label, DECIDED_FAR_AWAY))[1]
        assert np.median(np.abs(decided - landmark)) > 0.5 * WIDTH


def test_every_scene_has_a_landmark_and_something_to_decide(twins):
    for pair in twins:
        for _, label in pair:
            assert (label == street.LANDMARK).mean() > 0.008
            assert np.isin(label, DECIDED_FAR_AWAY).mean() > 0.08


def test_labels_are_classes_or_ignored(twins):
    labels = np.stack([label for pair in twins for _, label in pair])
    found = np.unique(labels)
    assert found.tolist() == [*range(len(street.CLASS_NAMES)), street.IGNORE_INDEX]
    assert len(street.PALETTE) == len(street.CLASS_NAMES) == len(set(street.PALETTE))
    assert 0.001 < (labels == street.IGNORE_INDEX).mean() < 0.05


def test_both_ways_round(twins):
    left = [np.nonzero(label == street.LANDMARK)[1].mean() < WIDTH / 2 for (_, label), _ in twins]
    assert any(left) and not all(left)


@pytest.mark.parametrize("size", [(97, 113), (32, 32), (48, 160)])
def test_any_size(size):
    picture, label = street.draw_scene(_rng(0), *size, canal=True)
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8
    assert label.shape == size and label.dtype == np.uint8
    assert picture.std() > 10


def test_same_generator_same_scene():
    first, second = (street.draw_scene(_rng(5), HEIGHT, WIDTH, canal=True) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    other = street.draw_scene(_rng(6), HEIGHT, WIDTH, canal=True)
    assert not np.array_equal(first[0], other[0])
