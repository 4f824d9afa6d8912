"""Adds to ``pyproject.toml`` what it cannot say: the operator's sources, which live beside the package, go into it.

An installed package compiles them on first use (``paddleseg_ext.ops.library``).
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["paddleseg_ext*"]), "paddleseg_ext.custom_ops"],
    package_dir={"paddleseg_ext.custom_ops": "custom_ops"},
    package_data={
        "paddleseg_ext": ["py.typed"],
        "paddleseg_ext.custom_ops": ["csrc/*"],
        "paddleseg_ext.zoo": ["published.yml", "authors.yml"],
    },
)
