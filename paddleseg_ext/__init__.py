"""Import this package and PaddleSeg gains point-wise-attention segmentation models and a working trainer.

Importing it repairs paddleseg 2.8.0 on current Paddle releases (``compat``), registers every model, backbone,
data set and transform of this package with PaddleSeg's component manager, puts this package's training loop in the
place of ``paddleseg.core.train``, and makes ``pretrained: zoo://NAME`` known to it.
"""

import warnings
import zlib  # noqa: F401  Paddle 2.6.2 crashes scipy's import later on unless zlib was loaded before paddle.

# Paddle 3 says this to everyone who imports it; it is of use only to those who build operators day in, day out.
warnings.filterwarnings("ignore", message="No ccache found")

from paddleseg_ext.environment import required  # noqa: E402

with required():
    from paddleseg_ext import compat

    compat.apply()

    from paddleseg_ext import backbones, convert, datasets, engine, models, transforms  # noqa: F401

__version__ = "0.2.0"
