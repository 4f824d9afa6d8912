"""Batches of a training can start anywhere, and from there they are those of a whole run."""

import itertools

import numpy as np
import paddle
import pytest

from paddleseg_ext.engine.training_batches import TrainingBatches
from paddleseg_ext.errors import UserError


class Numbers(paddle.io.Dataset):
    """Sample ``i`` is the number ``i``; ``read`` lists those that this process read."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict:
        self.read.append(index)
        return {"img": np.array([index, np.random.randint(1000)]), "label": np.zeros(1)}


def take(batches: TrainingBatches, count: int) -> list[list[int]]:
    return [data["img"].numpy()[:, 0].tolist() for data in itertools.islice(iter(batches), count)]


def test_an_epoch_holds_every_sample_once_and_the_next_has_another_order():
    batches = TrainingBatches(Numbers(10), batch_size=2)
    assert len(batches) == 5
    found = take(batches, 10)
    first, second = np.ravel(found[:5]).tolist(), np.ravel(found[5:]).tolist()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_what_does_not_fill_a_batch_waits_for_another_epoch():
    batches = TrainingBatches(Numbers(7), batch_size=3)
    assert len(batches) == 2
    assert all(len(batch) == 3 for batch in take(batches, 4))


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("iteration", [0, 3, 5, 12])
def test_seek(iteration, num_workers):
    whole = take(TrainingBatches(Numbers(10), batch_size=2), 16)
    dataset = Numbers(10)
    batches = TrainingBatches(dataset, batch_size=2, num_workers=num_workers)
    batches.seek(iteration, seed=1)
    assert take(batches, 4) == whole[iteration : iteration + 4]
    if num_workers == 0:
        # Nothing is read to get there.
        assert dataset.read[:2] == whole[iteration]


def test_reading_processes_draw_from_seed_and_epoch():
    def draws(iteration: int, seed: int) -> list[list[int]]:
        batches = TrainingBatches(Numbers(4), batch_size=2, num_workers=1)
        batches.seek(iteration, seed)
        return [data["img"].numpy().tolist() for data in itertools.islice(iter(batches), 4)]

    two_epochs = draws(0, seed=1)
    # A run that is resumed in the second epoch draws the numbers that the whole run drew there.
    assert draws(2, seed=1)[:2] == two_epochs[2:]
    assert draws(0, seed=2) != two_epochs
    number = {index: drawn for batch in two_epochs[:2] for index, drawn in batch}
    assert any(number[index] != drawn for batch in two_epochs[2:] for index, drawn in batch)


def test_repeats():
    batches = TrainingBatches(Numbers(2), batch_size=4, repeats=2)
    assert len(batches) == 1
    ((*batch,),) = take(batches, 1)
    assert sorted(batch) == [0, 0, 1, 1]


def test_fewer_samples_than_a_batch():
    with pytest.raises(UserError, match="2 samples, fewer than one batch of 5 for each of 1 processes; lower the"):
        TrainingBatches(Numbers(2), batch_size=5, repeats=2)


def test_a_sample_that_cannot_be_used():
    class Broken(Numbers):
        def __getitem__(self, index: int) -> dict:
            raise ValueError("no such thing")

    with pytest.raises(UserError, match=r"sample \d cannot be used: ValueError: no such thing"):
        take(TrainingBatches(Broken(2), batch_size=1), 1)
