"""Finding, building and loading the compiled psamask library.

The order is: the installed wheel (``paddleseg_ext_ops``), the cache of earlier builds, a new build.
"""

import importlib.util
import json
import os
import threading
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Optional

import filelock
from paddle.utils.cpp_extension import load_op_meta_info_and_register_op
from paddleseg.utils import logger

from paddleseg_ext.errors import UserError

WHEEL = "paddleseg_ext_ops"
LOCK_SECONDS = 600  # A build takes seconds on a CPU Paddle, minutes with nvcc.

_loading = threading.Lock()
_loaded: Optional[Path] = None
_reason: Optional[str] = None


def load() -> Optional[Path]:
    """Register the compiled operator with Paddle, once per process.

    Call it before an exported model that contains the operator is loaded; Paddle Inference needs it too.

    Returns:
        The library's path, or None if no library can be used (``why_not`` says why).
    """
    global _loaded, _reason
    with _loading:
        if _loaded is None and _reason is None:
            try:
                library = _from_wheel() or _from_cache()
                load_op_meta_info_and_register_op(str(library))
                _loaded = library
            except UserError as error:
                _reason = str(error)
    return _loaded


def why_not() -> Optional[str]:
    """The sentence that says why ``load`` returned None; None if it returned a path."""
    return _reason


def cache_dir() -> Path:
    """The folder that keeps libraries built on first use: ``PADDLESEG_EXT_CACHE``, else ``~/.cache/paddleseg_ext``."""
    return Path(os.environ.get("PADDLESEG_EXT_CACHE") or Path.home() / ".cache" / "paddleseg_ext")


def _from_wheel() -> Optional[Path]:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    recipe = _recipe()
    folder = Path(spec.submodule_search_locations[0])
    try:
        built = json.loads((folder / recipe.STAMP).read_text())
    except (OSError, ValueError):
        logger.warning(f"{folder} is not used: it has no readable {recipe.STAMP}; reinstall {WHEEL}.")
        return None
    here = recipe.stamp()
    differing = [name for name in here if built.get(name) != here[name]]
    if differing:
        differences = ", ".join(f"{name} {built.get(name)} instead of {here[name]}" for name in differing)
        logger.warning(
            f"The installed {WHEEL} is not used: it was built for {differences}; "
            "build it again with `pip install --no-build-isolation ./custom_ops`."
        )
        return None
    return folder / recipe.LIBRARY


def _from_cache() -> Path:
    recipe = _recipe()
    folder = cache_dir() / recipe.key()
    library = folder / recipe.LIBRARY
    if library.is_file():
        return library
    lock = str(cache_dir() / f"{folder.name}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The kernel releases a flock when its process ends, so a lock file that stays behind locks nobody out.
        with filelock.FileLock(lock, timeout=LOCK_SECONDS):
            if not library.is_file():
                recipe.compiler()  # raises before the announcement if there is none
                logger.info(f"Compiling the psamask operator (once, into {folder}).")
                temporary = folder / f"building.{os.getpid()}.so"
                try:
                    recipe.compile_library(temporary)
                    os.replace(temporary, library)
                finally:
                    temporary.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise UserError(
            f"Another process has held {lock} for {LOCK_SECONDS} s while building the psamask operator; "
            "end that process, or set PADDLESEG_EXT_CACHE to another folder."
        ) from error
    except recipe.BuildError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"Cannot write the built operator to {folder}: {error}; set PADDLESEG_EXT_CACHE.") from error
    return library


def _recipe() -> ModuleType:
    """``custom_ops/recipe.py``, which is beside the package in a checkout and inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "custom_ops", package / "custom_ops"):
        if (folder / "recipe.py").is_file():
            loader = SourceFileLoader("paddleseg_ext_recipe", str(folder / "recipe.py"))
            recipe = ModuleType(loader.name)
            recipe.__file__ = loader.path
            loader.exec_module(recipe)
            return recipe
    raise UserError(f"The operator's sources (custom_ops/) are missing beside {package}; reinstall paddleseg_ext.")
