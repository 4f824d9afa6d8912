"""Compares the batch of a run with the total batch that its recipe names."""

from typing import Optional


def describe_batch(total: int, batch_size: int, processes: int, iters: int, learning_rate: Optional[float]) -> str:
    """Return one line: the batch of the run, and the flags that match the recipe where its total batch differs.

    A run sees as many images as the recipe after ``iters * total / batch`` iterations. The learning rate follows the
    batch linearly (https://arxiv.org/abs/1706.02677), which is a rule of thumb.

    Args:
        total: Images per step over all cards that the recipe was written for.
        batch_size: Images per step and process.
        processes: How many processes train, one for each card.
        iters: Iterations of the recipe.
        learning_rate: Learning rate of the recipe; None if its schedule has no such number.
    """
    batch = processes * batch_size
    run = f"{processes} x {batch_size} = {batch} images per step"
    if batch == total:
        return f"Total batch: {run}, which is the recipe's total_batch_size."
    sentence = (
        f"Total batch: {run}, but the recipe's total_batch_size is {total} for {iters} iterations. To train on as many "
        f"images, use --iters {max(1, round(iters * total / batch))}"
    )
    if learning_rate is None:
        return f"{sentence}."
    return f"{sentence}, and --learning_rate {learning_rate * batch / total:.6g} by the linear rule."
