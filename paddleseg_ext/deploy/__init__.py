"""Export, and the ways an exported model runs."""
