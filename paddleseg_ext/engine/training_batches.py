"""The batches of a training, starting at any iteration."""

from collections.abc import Iterator
from typing import Any

import paddle

from paddleseg_ext.engine.samples import GuardedDataset, checked, collate
from paddleseg_ext.errors import UserError


class TrainingBatches:
    """Yields shuffled batches without end; every process of a parallel run reads its share.

    ``len`` is the number of batches in an epoch.

    Args:
        dataset: Built with ``mode='train'``.
        batch_size: Images per process.
        repeats: How often each sample appears in an epoch.
        num_workers: Reading processes; 0 reads in this one.

    Raises:
        UserError: There are fewer samples than one batch needs.
    """

    def __init__(self, dataset: Any, batch_size: int, repeats: int = 1, num_workers: int = 0) -> None:
        self._samples = GuardedDataset(dataset, repeats)
        self._sampler = _Sampler(self._samples, batch_size=batch_size, shuffle=True, drop_last=True)
        if len(self) == 0:
            raise UserError(
                f"train_dataset has {len(dataset)} samples, fewer than one batch of {batch_size} for each of "
                f"{paddle.distributed.ParallelEnv().nranks} processes; lower the batch size or raise --repeats."
            )
        self._loader = paddle.io.DataLoader(
            self._samples,
            batch_sampler=self._sampler,
            collate_fn=collate,
            num_workers=num_workers,
            return_list=True,
        )

    def __len__(self) -> int:
        return len(self._sampler)

    def seek(self, iteration: int, seed: int) -> None:
        """Start after ``iteration``, also in the middle of an epoch; ``seed`` seeds the draws of reading processes."""
        self._samples.seed = seed
        self._sampler.epoch, self._sampler.skip = divmod(iteration, len(self))

    def __iter__(self) -> Iterator[dict]:
        """Yield batches as ``samples.collate`` returns them; raise ``UserError`` for one that cannot be used."""
        while True:
            # Reading processes inherit this; the sampler itself counts to the next epoch when it starts.
            self._samples.epoch = self._sampler.epoch
            yield from checked(self._loader)


class _Sampler(paddle.io.DistributedBatchSampler):
    """Paddle's sampler, which can also start in the middle of an epoch; it reads nothing to get there."""

    skip = 0

    def __iter__(self) -> Iterator[list[int]]:
        skip, self.skip = self.skip, 0
        for number, batch in enumerate(super().__iter__()):
            if number >= skip:
                yield batch
