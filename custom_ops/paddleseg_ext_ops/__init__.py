"""The psamask operator, compiled for one Paddle release (``psamask.json`` says which).

Nothing to import here: ``paddleseg_ext.ops`` finds the library by this package's name, checks that it fits the
Paddle that is running, and registers it.
"""
