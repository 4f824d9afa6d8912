"""Weight files: any of them read to arrays without running anything, checkpoints written whole, ``pretrained``."""
