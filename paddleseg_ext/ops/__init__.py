"""Point-wise spatial attention: functions, and the choice between the compiled and the native backend."""

from paddleseg_ext.ops.attention import attend, point_wise_attention, psamask
from paddleseg_ext.ops.backend import selected_backend

__all__ = ["attend", "point_wise_attention", "psamask", "selected_backend"]
