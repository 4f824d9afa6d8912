"""PaddleSeg's YAML, checked, and the parts built from it."""
