"""The state of an optimizer from a file, compared with an optimizer before it is set."""

import copy
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Optional

import numpy as np
import paddle
from paddle.base.layer_helper import LayerHelper

from paddleseg_ext.errors import UserError

# A shape that no accumulator has by itself.
_PROBE = [13, 17]


def check_optimizer_state(
    state: dict[str, Any], optimizer: paddle.optimizer.Optimizer, model: paddle.nn.Layer, path: Path
) -> None:
    """Compare ``state`` with ``optimizer``, which is unchanged.

    A parameter may be without accumulators: Paddle makes them with the first gradient, and a model may have parameters
    that never get one.

    Args:
        state: The argument for ``set_state_dict``.
        model: Has the parameters of ``optimizer``.
        path: The file of ``state``, for the error sentence.

    Raises:
        UserError: The state is of another optimizer, schedule or model, or a part is missing.
    """
    fault = (
        _fault_of_schedule(state.get("LR_Scheduler"), optimizer.state_dict().get("LR_Scheduler"), "LR_Scheduler")
        or _fault_of_master_weights(state.get("master_weights", {}), model)
        or _fault_of_accumulators(state, optimizer, model)
    )
    if fault:
        raise UserError(
            f"{path} does not fit this optimizer ({fault}); resume from another checkpoint or train with the same "
            "optimizer."
        )


def is_finite_number(value: Any) -> bool:
    """Whether ``value`` is a finite number of Python or numpy, and no boolean."""
    if isinstance(value, np.generic):
        value = value.item()
    # The comparison is false for NaN, and it takes whole numbers that are too large for a float.
    return type(value) in (int, float) and -1e300 < value < 1e300


def _fault_of_schedule(state: Any, own: Any, key: str) -> Optional[str]:
    if isinstance(own, dict):
        if not isinstance(state, dict):
            return f"{key} is {'no table' if state is not None else 'missing'}"
        faults = (
            _fault_of_schedule(state[name], value, f"{key}.{name}") if name in state else f"{key}.{name} is missing"
            for name, value in own.items()
        )
        return next(filter(None, faults), None)
    if is_finite_number(own) and not is_finite_number(state):
        return f"{key} is no finite number"
    return None


def _fault_of_master_weights(masters: Any, model: paddle.nn.Layer) -> Optional[str]:
    shapes = {value.name: list(value.shape) for value in model.parameters()}
    if not isinstance(masters, dict):
        return "master_weights is no table"
    for name, value in masters.items():
        if not isinstance(value, paddle.Tensor):
            return f"master_weights.{name} is no tensor"
        if list(value.shape) != shapes.get(name):
            return f"master_weights.{name} has the shape {list(value.shape)} instead of {shapes.get(name)}"
    return None


def _fault_of_accumulators(
    state: dict[str, Any], optimizer: paddle.optimizer.Optimizer, model: paddle.nn.Layer
) -> Optional[str]:
    kinds = _accumulators_of(optimizer)
    if not kinds:
        return None
    # Under mixed precision (O2) the accumulators are those of the master weights.
    kind_of = re.compile(rf"(?:_fp32_master_\d+)?_({'|'.join(map(re.escape, kinds))})_\d+")
    # The longest first, so that the owner of a_b_velocity_0 is a_b and not a.
    parameters = sorted(model.parameters(), key=lambda value: len(value.name), reverse=True)
    found: dict[str, set[str]] = {}
    for name, value in state.items():
        if not isinstance(value, paddle.Tensor):
            continue
        owner = next((one for one in parameters if name.startswith(one.name + "_")), None)
        kind = kind_of.fullmatch(name[len(owner.name) :]) if owner is not None else None
        if owner is None or kind is None:
            return f"{name} belongs to no parameter or to another optimizer"
        shape = kinds[kind[1]]
        if shape[-2:] == _PROBE:
            shape = [*shape[:-2], *owner.shape]
        if list(value.shape) != shape:
            return f"{name} has the shape {list(value.shape)} instead of {shape}"
        found.setdefault(owner.name, set()).add(kind[1])
    first = next(value.name for value in model.parameters())
    for owner_name, there in found.items() or [(first, set())]:
        for kind_name in kinds:
            if kind_name not in there:
                return f"the {kind_name} of {owner_name} is missing"
    # Paddle asks for these names if the optimizer has made a step before.
    own = (name for name, value in optimizer.state_dict().items() if isinstance(value, paddle.Tensor))
    return next((f"{name} is missing" for name in own if name not in state), None)


def _accumulators_of(optimizer: paddle.optimizer.Optimizer) -> dict[str, list[int]]:
    """Return the shapes of the accumulators that ``optimizer`` makes for a parameter of the shape ``_PROBE``, by kind.

    Paddle lists them nowhere, so a copy of the optimizer makes them. They are of kinds such as ``velocity``.
    """
    with paddle.utils.unique_name.guard():
        probe = paddle.create_parameter(_PROBE, "float32", default_initializer=paddle.nn.initializer.Constant(0.0))
        twin: Any = copy.copy(optimizer)
        for name, value in vars(optimizer).items():
            if isinstance(value, (dict, list, set)):
                setattr(twin, name, copy.copy(value))
        twin._accumulators, twin._accumulators_holder = defaultdict(dict), {}
        # Paddle 2.6 makes it with the first step only.
        twin.helper = LayerHelper(type(optimizer).__name__)
        twin._create_accumulators(paddle.static.default_main_program().global_block(), [probe])
    return {kind: list(made[probe.name].shape) for kind, made in twin._accumulators.items()}
