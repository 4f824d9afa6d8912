"""Point-wise spatial attention, and the two backends that compute it: compiled and native."""

from paddleseg_ext.ops.attention import attend, point_wise_attention, psamask
from paddleseg_ext.ops.backend import selected_backend

__all__ = ["attend", "point_wise_attention", "psamask", "selected_backend"]
