"""What the number of cards makes of a recipe's total batch."""

from typing import Optional


def describe_batch(total: int, batch_size: int, processes: int, iters: int, learning_rate: Optional[float]) -> str:
    """One line: the batch of a run against the total that its recipe names, and what matches it where they differ.

    As many images are seen after ``iters * total / batch`` iterations. The learning rate follows the batch linearly
    (https://arxiv.org/abs/1706.02677), which is a rule of thumb.

    Args:
        total: Images per step over all cards that the recipe was written for.
        batch_size: Images per step and process.
        processes: One for each card.
        iters: The recipe's.
        learning_rate: The recipe's; None where its schedule has no such number.
    """
    batch = processes * batch_size
    run = f"{processes} x {batch_size} = {batch} images per step"
    if batch == total:
        return f"Total batch: {run}, which is the recipe's total_batch_size."
    sentence = (
        f"Total batch: {run}, but the recipe's total_batch_size is {total} for {iters} iterations. As many images are "
        f"seen with --iters {max(1, round(iters * total / batch))}"
    )
    if learning_rate is None:
        return f"{sentence}."
    return f"{sentence}, with --learning_rate {learning_rate * batch / total:.6g} by the linear rule."
