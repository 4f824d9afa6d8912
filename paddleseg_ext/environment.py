"""What is installed beside this package, and one sentence where it cannot work.

The packages below this one are imported before any of its command lines can catch an error. What makes that import
fail is looked up here, in what pip has noted and in the error, and becomes an ``ImportError`` whose message is the
sentence. Uncaught, it is printed as the command lines print theirs: ``error: ...``, exit code 1, no traceback.
Nothing but the standard library is needed.
"""

import contextlib
import importlib.metadata
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Optional

PADDLESEG = "2.8.0"
OLDEST_PADDLE, NEWEST_PADDLE, DEFAULT_PADDLE = "2.6.2", "3.3.1", "3.2.2"
_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
# The first whose wheels work with numpy 2.
_OPENCV_OF_NUMPY_2 = (4, 10)
_PIP = "python -m pip"
_OPENCV_AND_NUMPY = '"opencv-python<=4.6.0" "numpy<2"'
# Debian's and Ubuntu's packages of what OpenCV and Paddle load.
_SYSTEM_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libgomp.so.1": "libgomp1",
}
_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]*\.so[\w.]*): cannot open shared object file")


class UnusableEnvironment(ImportError):
    """Something below this package is missing or does not fit; the message is one sentence that says what to do."""


@contextlib.contextmanager
def required() -> Iterator[None]:
    """While the packages below are imported, turn what is wrong with them into a sentence.

    Raises:
        UnusableEnvironment: Something is missing, or does not fit and the import fails. Where it does not fit and the
            import succeeds, that is a warning.
    """
    sentence = _missing() or _numpy_2_with_an_older_opencv()
    if sentence:
        raise _unusable(sentence)
    try:
        yield
    except Exception as error:
        sentence = _cause(error)
        if sentence is None:
            raise
        raise _unusable(sentence) from error
    for doubt in filter(None, (_two_opencvs(), _other_paddle(), _other_paddleseg())):
        # Of the line that imports the package: this function, contextlib's and the package's own come in between.
        warnings.warn("; ".join(doubt), stacklevel=4)


def _cause(error: Exception) -> Optional[str]:
    """What in the environment made an import fail; None if nothing is known that would."""
    library = _MISSING_LIBRARY.search(str(error))
    if library:
        return _missing_library(library[1], _top_package(error))
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != __package__:
        module = error.name.partition(".")[0]
        if not _is_installed(module):
            return _not_installed(module)
    if _top_package(error) == "cv2":
        doubts = [_two_opencvs() or ("the installed OpenCV cannot be imported", _install_opencv())]
    else:
        doubts = [_other_paddle(), _other_paddleseg()]
    for what, remedy in filter(None, doubts):
        return f"{what} ({type(error).__name__}: {_first_line(error)}); {remedy}"
    return None


def _missing() -> Optional[str]:
    """The first of the packages that everything needs that is not there."""
    for module in ("paddle", "paddleseg", "cv2", "numpy"):
        if not _is_installed(module):
            return _not_installed(module)
    return None


def _is_installed(module: str) -> bool:
    if module in sys.modules:
        return True
    spec = importlib.util.find_spec(module)
    # A folder without __init__.py is no package of that name: what pip leaves of one of two OpenCVs, or a user's own.
    return spec is not None and spec.origin is not None


def _not_installed(module: str) -> str:
    if module == "cv2" and any(map(_version, _OPENCV)):
        return f"The files of OpenCV are missing from {sys.prefix}; {_install_opencv()}"
    names = {
        "paddle": f"paddlepaddle=={DEFAULT_PADDLE}",
        "paddleseg": f"paddleseg=={PADDLESEG}",
        "cv2": _OPENCV_AND_NUMPY,
        "numpy": '"numpy<2"',
        "yaml": "pyyaml",
        "PIL": "pillow",
        "sklearn": "scikit-learn",
    }
    gpu = " (paddlepaddle-gpu for a CUDA card: see paddlepaddle.org.cn)" if module == "paddle" else ""
    return (
        f"{module} is not installed in {sys.prefix}, and paddleseg_ext needs it; run: {_PIP} install "
        f"{names.get(module, module)}{gpu}"
    )


def _missing_library(library: str, package: str) -> str:
    where = _SYSTEM_PACKAGES.get(library)
    how = f"on Debian or Ubuntu run: apt-get install {where}" if where else "install the system package that has it"
    without = ""
    if package == "cv2":
        version = _version("opencv-python") or "4.5.5.64"
        without = (
            f"; or take the OpenCV that needs none: {_PIP} uninstall -y opencv-python, then "
            f"{_PIP} install opencv-python-headless=={version}"
        )
    return f"The system library {library} is missing, and {package} needs it; {how}{without}"


def _numpy_2_with_an_older_opencv() -> Optional[str]:
    """numpy would write its own message of twenty lines."""
    numpy = _version("numpy")
    older = [
        (name, version)
        for name, version in ((name, _version(name)) for name in _OPENCV)
        if version and _numbers(version) < _OPENCV_OF_NUMPY_2
    ]
    if not (numpy and _numbers(numpy) >= (2,) and older) or _two_opencvs():
        return None
    name, version = older[0]
    return f'numpy {numpy} is installed, and {name} {version} is built for numpy 1; run: {_PIP} install "numpy<2"'


def _two_opencvs() -> Optional[tuple]:
    """OpenCVs of different versions in one folder, whose files lie in ``cv2/``, mixed; and what to do."""
    folders = {}
    for name in _OPENCV:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found = importlib.metadata.distribution(name)
            folders.setdefault(str(found.locate_file("")), {})[name] = found.version
    for folder, versions in folders.items():
        if len(set(versions.values())) > 1:
            both = " and ".join(f"{name} {version}" for name, version in versions.items())
            return f"{both} are installed, and their files are mixed in {Path(folder) / 'cv2'}", _install_opencv()
    return None


def _install_opencv() -> str:
    installed = " ".join(name for name in _OPENCV if _version(name)) or "opencv-python"
    return f"run: {_PIP} uninstall -y {installed}, then {_PIP} install {_OPENCV_AND_NUMPY}"


def _other_paddle() -> Optional[tuple]:
    """A Paddle that this package was not tried with, and what to do."""
    version = getattr(sys.modules.get("paddle"), "__version__", None)
    version = version or _version("paddlepaddle-gpu") or _version("paddlepaddle")
    # A Paddle built from its development branch calls itself 0.0.0.
    if version is None or _numbers(version) == (0, 0, 0):
        return None
    if _numbers(OLDEST_PADDLE) <= _numbers(version) <= _numbers(NEWEST_PADDLE):
        return None
    return (
        f"Paddle {version} is installed, and paddleseg_ext is for Paddle {OLDEST_PADDLE} to {NEWEST_PADDLE}",
        f"run: {_PIP} install paddlepaddle=={DEFAULT_PADDLE}",
    )


def _other_paddleseg() -> Optional[tuple]:
    """A PaddleSeg that this package was not tried with, and what to do."""
    version = getattr(sys.modules.get("paddleseg"), "__version__", None) or _version("paddleseg")
    if version in (None, PADDLESEG):
        return None
    return (
        f"paddleseg {version} is installed, and paddleseg_ext is for paddleseg {PADDLESEG}",
        f"run: {_PIP} install paddleseg=={PADDLESEG}",
    )


def _version(distribution: str) -> Optional[str]:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple:
    """The first three numbers of a version, ``3.2.2.post118`` as (3, 2, 2)."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _top_package(error: Exception) -> str:
    """The package that a traceback ends in, as far as it can be said from the places of the files."""
    name = ""
    for frame in traceback.extract_tb(error.__traceback__):
        parts = Path(frame.filename).parts
        for package in ("cv2", "paddle", "paddleseg"):
            if package in parts:
                name = package
    return name or getattr(error, "name", None) or "a package below paddleseg_ext"


def _first_line(error: Exception) -> str:
    # Not errors.one_line: this file works when nothing else of the package can be imported.
    return (str(error).strip().splitlines() or [""])[0].strip().rstrip(".")[:200]


def _unusable(sentence: str) -> UnusableEnvironment:
    """The error, which, uncaught, will print its sentence alone, but with ``--traceback`` all there is."""
    before = sys.excepthook

    def hook(kind: type, error: BaseException, where: Optional[TracebackType]) -> None:
        if isinstance(error, UnusableEnvironment) and "--traceback" not in sys.argv:
            print(f"error: {error}", file=sys.stderr, flush=True)
        else:
            before(kind, error, where)

    sys.excepthook = hook
    return UnusableEnvironment(sentence)
