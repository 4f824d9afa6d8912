"""Repairs of PaddleSeg's training loop."""

# The module's own function: paddleseg_ext.takeover replaces the name ``paddleseg.core.train`` and leaves this one.
from paddleseg.core.train import train

from paddleseg_ext.compat.amend import amend
from paddleseg_ext.compat.repair import repair


@repair(
    fault="The training loop reads element 0 of each loss for its log, but a loss has no dimensions any more.",
    shows={"2.6.2": IndexError, "3.2.2": IndexError, "3.3.1": IndexError},
)
def zero_dimensional_loss() -> None:
    amend(train, ("l[0] / log_iters", "float(l) / log_iters"))
