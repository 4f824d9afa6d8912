"""Scripts for the peers' interpreter; this folder is their PYTHONPATH. Our side imports only ``draw``."""
