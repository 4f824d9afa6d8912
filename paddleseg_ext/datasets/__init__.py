"""Data sets registered with PaddleSeg's manager."""

from paddleseg_ext.datasets.quickstart_scenes import QuickstartScenes

__all__ = ["QuickstartScenes"]
