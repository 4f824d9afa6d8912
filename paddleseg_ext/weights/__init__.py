"""Weight files: one reader of all formats that runs nothing, checkpoints that are written whole, ``pretrained``."""
