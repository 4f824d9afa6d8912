"""Models registered with PaddleSeg's manager."""
