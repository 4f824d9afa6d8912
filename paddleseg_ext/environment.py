"""One sentence if this package cannot work with the packages that are installed.

Paddle, PaddleSeg, OpenCV and numpy are imported before a command line can catch an error. If their import fails, this
module finds the cause in the error and in pip's records, and raises an ``ImportError`` whose message is one sentence.
If nobody catches it, it is printed like the errors of the command lines: ``error: ...``, exit code 1, no traceback.
The module needs only the standard library.
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
# The first version whose wheels work with numpy 2.
_OPENCV_OF_NUMPY_2 = (4, 10)
_PIP = "python -m pip"
_OPENCV_AND_NUMPY = '"opencv-python<=4.6.0" "numpy<2"'
# The packages of Debian and Ubuntu with the libraries that OpenCV and Paddle load.
_SYSTEM_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libSM.so.6": "libsm6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libgomp.so.1": "libgomp1",
}
# (what is wrong, what to do)
Doubt = tuple[str, str]
_MISSING_LIBRARY = re.compile(r"(lib[\w.+-]*\.so[\w.]*): cannot open shared object file")


class UnusableEnvironment(ImportError):
    """A package that this one needs is missing or does not fit. The message is one sentence that says what to do."""


@contextlib.contextmanager
def required() -> Iterator[None]:
    """Turn an error of the imports in this block into one sentence.

    A package that does not fit is a warning if its import succeeds.

    Raises:
        UnusableEnvironment: A package is missing, or it does not fit and its import fails.
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
        # The warning names the line that imports the package. This function, contextlib's and the package's own are in
        # between.
        warnings.warn("; ".join(doubt), stacklevel=4)


def _cause(error: Exception) -> Optional[str]:
    """The sentence about the fault in the environment that made an import fail; None if none is found."""
    library = _MISSING_LIBRARY.search(str(error))
    if library:
        return _missing_library(library[1], _top_package(error))
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != __package__:
        module = error.name.partition(".")[0]
        if not _is_installed(module):
            return _not_installed(module)
    if _top_package(error) == "cv2":
        doubts: list[Optional[Doubt]] = [
            _two_opencvs() or ("the installed OpenCV cannot be imported", _install_opencv())
        ]
    else:
        doubts = [_other_paddle(), _other_paddleseg()]
    for what, remedy in filter(None, doubts):
        return f"{what} ({type(error).__name__}: {_first_line(error)}); {remedy}"
    return None


def _missing() -> Optional[str]:
    """The sentence about the first required package that is not installed; None if all are installed."""
    for module in ("paddle", "paddleseg", "cv2", "numpy"):
        if not _is_installed(module):
            return _not_installed(module)
    return None


def _is_installed(module: str) -> bool:
    if module in sys.modules:
        return True
    spec = importlib.util.find_spec(module)
    # A folder without __init__.py is not the package: pip leaves one of two OpenCVs, and users have such folders.
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
        f"{module} is not installed in {sys.prefix}, but paddleseg_ext needs it; run: {_PIP} install "
        f"{names.get(module, module)}{gpu}"
    )


def _missing_library(library: str, package: str) -> str:
    where = _SYSTEM_PACKAGES.get(library)
    how = f"on Debian or Ubuntu run: apt-get install {where}" if where else "install the system package that has it"
    without = ""
    if package == "cv2":
        version = _version("opencv-python") or "4.5.5.64"
        without = (
            f"; or use the OpenCV that does not need it: {_PIP} uninstall -y opencv-python, then "
            f"{_PIP} install opencv-python-headless=={version}"
        )
    return f"The system library {library} is missing, but {package} needs it; {how}{without}"


def _numpy_2_with_an_older_opencv() -> Optional[str]:
    """The sentence about an OpenCV that numpy 2 would refuse with a message of twenty lines."""
    numpy = _version("numpy")
    older = [
        (name, version)
        for name, version in ((name, _version(name)) for name in _OPENCV)
        if version and _numbers(version) < _OPENCV_OF_NUMPY_2
    ]
    if not (numpy and _numbers(numpy) >= (2,) and older) or _two_opencvs():
        return None
    name, version = older[0]
    return f'numpy {numpy} is installed, but {name} {version} is built for numpy 1; run: {_PIP} install "numpy<2"'


def _two_opencvs() -> Optional[Doubt]:
    """OpenCVs of different versions in one folder: their files in ``cv2/`` are mixed."""
    folders: dict[str, dict[str, str]] = {}
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


def _other_paddle() -> Optional[Doubt]:
    """A Paddle that this package was not tested with."""
    version = getattr(sys.modules.get("paddle"), "__version__", None)
    version = version or _version("paddlepaddle-gpu") or _version("paddlepaddle")
    # A build of Paddle's development branch has the version 0.0.0.
    if version is None or _numbers(version) == (0, 0, 0):
        return None
    if _numbers(OLDEST_PADDLE) <= _numbers(version) <= _numbers(NEWEST_PADDLE):
        return None
    return (
        f"Paddle {version} is installed, but paddleseg_ext is for Paddle {OLDEST_PADDLE} to {NEWEST_PADDLE}",
        f"run: {_PIP} install paddlepaddle=={DEFAULT_PADDLE}",
    )


def _other_paddleseg() -> Optional[Doubt]:
    """A PaddleSeg that this package was not tested with."""
    version = getattr(sys.modules.get("paddleseg"), "__version__", None) or _version("paddleseg")
    if version in (None, PADDLESEG):
        return None
    return (
        f"paddleseg {version} is installed, but paddleseg_ext is for paddleseg {PADDLESEG}",
        f"run: {_PIP} install paddleseg=={PADDLESEG}",
    )


def _version(distribution: str) -> Optional[str]:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """The first three numbers of a version: (3, 2, 2) for ``3.2.2.post118``."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _top_package(error: Exception) -> str:
    """The package where a traceback ends, as far as the paths of its files show."""
    name = ""
    for frame in traceback.extract_tb(error.__traceback__):
        parts = Path(frame.filename).parts
        for package in ("cv2", "paddle", "paddleseg"):
            if package in parts:
                name = package
    return name or getattr(error, "name", None) or "a package that paddleseg_ext needs"


def _first_line(error: Exception) -> str:
    # Not errors.one_line: this file works when nothing else of the package can be imported.
    return (str(error).strip().splitlines() or [""])[0].strip().rstrip(".")[:200]


def _unusable(sentence: str) -> UnusableEnvironment:
    """The error. If nobody catches it, only its sentence is printed; with ``--traceback``, the whole traceback."""
    before = sys.excepthook

    def hook(kind: type, error: BaseException, where: Optional[TracebackType]) -> None:
        if isinstance(error, UnusableEnvironment) and "--traceback" not in sys.argv:
            print(f"error: {error}", file=sys.stderr, flush=True)
        else:
            before(kind, error, where)

    sys.excepthook = hook
    return UnusableEnvironment(sentence)
