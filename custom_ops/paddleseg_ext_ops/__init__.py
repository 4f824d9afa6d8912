"""The psamask operator, compiled for the Paddle release in ``psamask.json``.

This package has nothing to import. ``paddleseg_ext.ops`` finds the library by the package's name, checks that it fits
the running Paddle, and registers it.
"""
