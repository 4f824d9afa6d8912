"""``lr_scheduler``: the schedule of the learning rate."""

import inspect

import paddle

from paddleseg_ext.config.components import check_arguments
from paddleseg_ext.config.places import Places
from paddleseg_ext.errors import UserError, hint

_WARMUP = {"warmup_iters", "warmup_start_lr"}


def check_schedule(dic: dict, places: Places) -> None:
    """Check ``lr_scheduler``, where there is one.

    Raises:
        UserError: Paddle does not have the schedule or one of its arguments; half of a warmup is missing.
    """
    if "lr_scheduler" not in dic:
        return
    cfg = dict(dic["lr_scheduler"])
    base = paddle.optimizer.lr.LRScheduler
    known = {
        name: part
        for name, part in vars(paddle.optimizer.lr).items()
        if inspect.isclass(part) and issubclass(part, base) and part is not base
    }
    kind = cfg.get("type")
    if kind not in known:
        where = places("lr_scheduler", "type")
        raise UserError(f"{where}: lr_scheduler.type {kind!r} is not a schedule of Paddle; {hint(str(kind), known)}")
    if len(_WARMUP & set(cfg)) == 1:
        missing = (_WARMUP - set(cfg)).pop()
        raise UserError(
            f"{places('lr_scheduler')}: a warmup needs warmup_iters and warmup_start_lr in lr_scheduler; add {missing}."
        )
    for name in _WARMUP:
        cfg.pop(name, None)
    if kind == "PolynomialDecay":
        cfg.setdefault("decay_steps", dic["iters"])
    check_arguments(places, cfg, ("lr_scheduler",), known[kind], str(kind))


def move_decay(dic: dict, written: dict) -> None:
    """Keep a decay that ends one step before the training, as mmengine's does, there when ``iters`` changes.

    Any other ``decay_steps`` stays unchanged, as in PaddleSeg.

    Args:
        dic: The configuration with the values of the command line; it changes in place.
        written: The configuration without them.
    """
    before, after = written.get("iters"), dic.get("iters")
    steps = [part.get("lr_scheduler", {}).get("decay_steps") for part in (written, dic)]
    if isinstance(before, int) and isinstance(after, int) and steps == [before - 1] * 2:
        dic["lr_scheduler"]["decay_steps"] = max(1, after - 1)
