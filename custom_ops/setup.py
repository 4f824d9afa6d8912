"""Builds the wheel ``paddleseg_ext_ops``: the psamask operator for the Paddle of this environment.

    pip wheel --no-build-isolation ./custom_ops

``--no-build-isolation`` is needed because the library must be compiled against the Paddle that will load it. The
version of the wheel names that Paddle: ``0.1.0+paddle3.2.2``, or ``0.1.0+paddle2.6.2.cuda11.8``.
"""

import json
import sys
from pathlib import Path

import setuptools
from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

if int(setuptools.__version__.split(".")[0]) < 64:
    # With version 58, which Python 3.9 has, the wheel lacks the library.
    sys.exit(f"error: setuptools {setuptools.__version__} is too old to build this; pip install 'setuptools>=64,<80'.")
sys.path.insert(0, str(Path(__file__).resolve().parent))
try:
    import recipe
except ImportError as error:
    sys.exit(f"error: {error}; install Paddle first, and build the operator with --no-build-isolation.")


class BuildLibrary(build_py):
    """Copies the package, compiles the library into the copy, and writes its stamp."""

    def run(self) -> None:
        super().run()
        package = Path(self.build_lib) / "paddleseg_ext_ops"
        try:
            recipe.compile_library(package / recipe.LIBRARY)
        except recipe.BuildError as error:
            sys.exit(f"error: {error}")
        (package / recipe.STAMP).write_text(json.dumps(recipe.stamp(), indent=2) + "\n")


class BinaryDistribution(Distribution):
    """A distribution that is not pure Python, although setuptools knows no extension module of it."""

    def has_ext_modules(self) -> bool:
        return True


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and any Python 3, because the library does not contain Python."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


def version() -> str:
    stamp = recipe.stamp()
    return f"0.1.0+paddle{stamp['paddle']}" + ("" if stamp["cuda"] == "none" else f".cuda{stamp['cuda']}")


setup(
    name="paddleseg_ext_ops",
    version=version(),
    description=f"Point-wise spatial attention operator, compiled for Paddle {recipe.stamp()['paddle']}",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=["paddleseg_ext_ops"],
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildLibrary, "bdist_wheel": PlatformWheel},
)
