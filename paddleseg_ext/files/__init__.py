"""Files in general: written whole or not at all, fetched, unpacked."""
