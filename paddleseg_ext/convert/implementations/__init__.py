"""The published implementations whose checkpoints can be converted: a file for each, and a row here."""

from paddleseg_ext.convert.implementation import Implementation
from paddleseg_ext.convert.implementations.imagenet import IMAGENET
from paddleseg_ext.convert.implementations.mmseg import MMSEG
from paddleseg_ext.convert.implementations.openseg import OPENSEG
from paddleseg_ext.convert.implementations.paddle import PADDLESEG, PSANET_PADDLE
from paddleseg_ext.convert.implementations.semseg import SEMSEG
from paddleseg_ext.convert.implementations.ssseg import SSSEG

# In the order in which their names are looked for: whole models have the names of a backbone too, so it comes last.
IMPLEMENTATIONS: dict[str, Implementation] = {
    one.name: one for one in (SSSEG, MMSEG, SEMSEG, OPENSEG, PSANET_PADDLE, PADDLESEG, IMAGENET)
}
