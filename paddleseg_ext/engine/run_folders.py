"""The folders that a run writes into ``save_dir``: ``iter_N``, ``best_model`` and ``ema_best_model``."""

import re
import shutil
from collections import deque
from pathlib import Path
from typing import Optional, Union

import paddle
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights import checkpoint


class RunFolders:
    """Writes the checkpoints of a run and removes the oldest; the best weights have folders of their own and stay.

    A resumed run counts the folders ``iter_N`` that it finds, up to its start. A new run warns about those of an
    earlier run, and leaves each alone until it writes one of the same name.

    Args:
        root: ``save_dir``; made when the first folder is written.
        keep: How many folders ``iter_N`` to keep; 0 keeps all.
        start: The iteration that the run continues from; 0 for a new one.

    Raises:
        UserError: ``root`` is a file.
    """

    def __init__(self, root: Union[str, Path], keep: int, start: int) -> None:
        self.root, self.keep = Path(root), keep
        if self.root.exists() and not self.root.is_dir():
            raise UserError(f"--save_dir: {self.root} is a file; name a folder.")
        found = [int(path.name[5:]) for path in self.root.glob("iter_*") if re.fullmatch(r"iter_\d+", path.name)]
        self._mine = deque(sorted(number for number in found if number <= start))
        self.newest: Optional[Path] = self.root / f"iter_{start}" if start in found else None
        if found and not start and paddle.distributed.ParallelEnv().local_rank == 0:
            last = self.root / f"iter_{max(found)}"
            logger.warning(
                f"{self.root} holds checkpoints of an earlier run up to {last.name}; this run starts from the "
                f"beginning and will overwrite them. To continue that run, stop now and add --resume_model {last}"
            )

    def save(
        self,
        number: int,
        model: paddle.nn.Layer,
        optimizer: paddle.optimizer.Optimizer,
        state: dict,
        ema_model: Optional[paddle.nn.Layer] = None,
    ) -> None:
        """Write ``iter_<number>``, then remove the oldest beyond ``keep``; see ``checkpoint.save_checkpoint``."""
        folder = self.root / f"iter_{number}"
        checkpoint.save_checkpoint(folder, model, optimizer, state, ema_model)
        self.newest = folder
        self._mine.append(number)
        while len(self._mine) > self.keep > 0:
            shutil.rmtree(self.root / f"iter_{self._mine.popleft()}", ignore_errors=True)

    def save_best(self, model: paddle.nn.Layer) -> None:
        """Write ``best_model/model.pdparams``."""
        checkpoint.save_weights(model.state_dict(), self.root / "best_model" / checkpoint.WEIGHTS)

    def save_best_ema(self, ema_model: paddle.nn.Layer) -> None:
        """Write ``ema_best_model/ema_model.pdparams``."""
        checkpoint.save_weights(ema_model.state_dict(), self.root / "ema_best_model" / checkpoint.EMA)

    def how_to_continue(self) -> str:
        """Return the end of a sentence about a run that failed: the checkpoint that a new run can start from."""
        if self.newest is None:
            return "no checkpoint was written yet"
        return f"the last checkpoint is {self.newest} (--resume_model {self.newest})"
