"""The changes in PaddleSeg that importing the package makes.

`import paddleseg_ext` changes the PaddleSeg of the running program. The installed files stay unchanged.

* **Faults of paddleseg 2.8.0 are repaired.** [`paddleseg_ext/compat/`](paddleseg_ext/compat) has one small function for
  each fault. Unrepaired, the trainer and the evaluator stop with an exception on every Paddle that pip offers.
* **`paddleseg.core.train` and `paddleseg.core.evaluate` are ours.** They take PaddleSeg's arguments, and more. A
  stopped run resumes exactly, a checkpoint is written whole or not at all, and VisualDL shows pictures. Both trainers
  log the same losses for the same configuration; a test compares them step by step. PaddleSeg's functions stay in the
  modules `paddleseg.core.train` and `paddleseg.core.val`.
* **`PSPNet` and `ISANet` in a YAML are ours.** With PaddleSeg's settings they have PaddleSeg's parameter names and
  outputs, bit for bit. Every supported Paddle can export them.
* **`Normalize` in a YAML is ours.** Its result equals PaddleSeg's, bit for bit. On an 8-bit image it takes a tenth of
  the time.
* **`Compose` leaves an image 8-bit** if the first transform is one of ours that takes 8 bits, as in the published
  recipes. The network still gets float32. Every other pipeline stays unchanged.
"""

import paddleseg.core
import paddleseg.transforms
from paddleseg.cvlibs import manager

from paddleseg_ext.engine import evaluate, train
from paddleseg_ext.models import ISANet, PSPNet
from paddleseg_ext.transforms import Normalize
from paddleseg_ext.transforms.reading import compose


def apply() -> None:
    """Make these changes, except for the repairs. Calling it again changes nothing."""
    take_core()
    take_models()
    take_normalize()
    take_compose()


def take_core() -> None:
    """``from paddleseg.core import train, evaluate`` imports this package's functions."""
    paddleseg.core.train = train
    paddleseg.core.evaluate = evaluate


def take_models() -> None:
    """``type: PSPNet`` and ``type: ISANet`` in a YAML mean this package's classes."""
    for model in (PSPNet, ISANet):
        # add_component() would warn that the name is taken.
        manager.MODELS.components_dict[model.__name__] = model


def take_normalize() -> None:
    """``type: Normalize`` in a YAML means this package's class."""
    manager.TRANSFORMS.components_dict["Normalize"] = Normalize


def take_compose() -> None:
    """``Compose`` leaves an image 8-bit if the first transform has ``takes_eight_bit``.

    The method changes, because PaddleSeg's data sets have imported the class already.
    """
    paddleseg.transforms.Compose.__call__ = compose
