"""Training and evaluation in the place of ``paddleseg.core``'s, so that scripts written for PaddleSeg use them too.

``from paddleseg.core import train, evaluate`` gives ours after ``import paddleseg_ext``; the originals stay where they
are defined, in the modules ``paddleseg.core.train`` and ``paddleseg.core.val``.
"""

import paddleseg.core

from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.engine.train import train

paddleseg.core.train = train
paddleseg.core.evaluate = evaluate

__all__ = ["evaluate", "train"]
