"""Repairs of paddleseg 2.8.0, the newest release on PyPI."""

from paddleseg_ext.compat.models import apply

__all__ = ["apply"]
