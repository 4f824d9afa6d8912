"""Scripts that the peers' interpreter runs; this folder is their PYTHONPATH. Only ``draw`` is imported from here."""
