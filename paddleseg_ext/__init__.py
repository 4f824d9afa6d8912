"""Point-wise-attention segmentation for PaddleSeg: PSPNet, PSANet and ISANet, and a trainer that works.

Importing the package, or any part of it, repairs paddleseg 2.8.0 (``compat``). It registers the models, backbones, data
sets and transforms with PaddleSeg, replaces a few parts of PaddleSeg (``takeover``), and makes ``pretrained: zoo://NAME``
known.
"""

import warnings
import zlib  # noqa: F401  Paddle 2.6.2 crashes scipy's import later on unless zlib was loaded before paddle.

# Paddle 3 warns everyone who imports it. The advice helps only people who build operators all day.
warnings.filterwarnings("ignore", message="No ccache found")

from paddleseg_ext.environment import required  # noqa: E402

with required():
    from paddleseg_ext import compat

    compat.apply()

    from paddleseg_ext import backbones, convert, datasets, engine, models, takeover, transforms  # noqa: F401

    takeover.apply()

__version__ = "0.2.0"
