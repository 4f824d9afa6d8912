"""The one way in which the psamask library is compiled: used by ``setup.py`` and by the build on first use.

Stands alone (no ``paddleseg_ext`` import), because ``setup.py`` runs where that package may not be installed.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import zlib  # noqa: F401  Paddle 2.6.2 crashes scipy's import later on unless zlib was loaded before paddle.
from pathlib import Path

import paddle

CSRC = Path(__file__).resolve().parent / "csrc"
LIBRARY = "psamask.so"
STAMP = "psamask.json"

# No -march: the wheel must run on other machines, and the kernels are bound by memory.
OPTIMISATION = ["-std=c++17", "-O3", "-pthread"]

# Tesla V100, A100 and H100 generations; used when no card is visible and PADDLE_CUDA_ARCH_LIST is not set.
DEFAULT_CUDA_ARCHS = ("70", "80", "90")


class BuildError(Exception):
    """The library could not be compiled; the message is one sentence, then the compiler's own words."""


def source_hash() -> str:
    """A digest of this recipe and everything in ``csrc/``: names and bytes."""
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(CSRC.iterdir())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def stamp() -> dict:
    """What a library built here and now fits: the Paddle in this process, this machine, these sources."""
    return {
        "paddle": paddle.version.full_version,
        "paddle_commit": paddle.version.commit,
        "cuda": paddle.version.cuda() if paddle.is_compiled_with_cuda() else "none",
        "machine": platform.machine(),
        "sources": source_hash(),
    }


def key() -> str:
    """Names one build in a cache: what the library is for and what it is made of."""
    parts = {**stamp(), "archs": os.environ.get("PADDLE_CUDA_ARCH_LIST")}
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:16]


def compiler() -> str:
    """The C++ compiler: ``CXX``, else g++, c++ or clang++ from the path.

    Raises:
        BuildError: None of them is there.
    """
    wanted = os.environ.get("CXX")
    names = [wanted] if wanted else ["g++", "c++", "clang++"]
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise BuildError(f"No C++ compiler found (looked for {', '.join(names)}); install g++ or set CXX.")


def compile_library(target: Path) -> None:
    """Compile ``csrc/`` for the Paddle in this process into ``target``.

    Args:
        target: The shared library to write. Written in place: give a temporary name where others may look.

    Raises:
        BuildError: No compiler, or a compiler reported errors.
    """
    with tempfile.TemporaryDirectory(prefix="psamask-") as work:
        for command in _commands(Path(target), Path(work)):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                lines = done.stdout.strip().splitlines()
                errors = [line for line in lines if "error" in line.lower()] or lines
                raise BuildError(
                    f"{Path(command[0]).name} could not compile the psamask operator (exit code {done.returncode}): "
                    + "\n".join(errors[:5])
                )


def _commands(target: Path, work: Path) -> list:
    root = Path(paddle.sysconfig.get_include())
    compat = root / "paddle" / "phi" / "api" / "include" / "compat"
    includes = [root, root / "third_party", compat, compat / "torch" / "csrc" / "api" / "include"]
    flags = [*OPTIMISATION, "-fPIC", "-w", "-DPADDLE_WITH_CUSTOM_KERNEL"]
    # Without Python in it one library serves every Python version that has this Paddle.
    flags += ["-DPADDLE_NO_PYTHON"]
    flags += [f"-I{path}" for path in includes if path.is_dir()]
    base = Path(paddle.__file__).parent / "base"
    # libpaddle.so is named as a dependency but not by a path: it is already in the process when this library is
    # loaded, wherever that environment keeps it, so the wheel can move.
    link = [f"-L{base}", "-Wl,--no-as-needed", "-l:libpaddle.so", "-Wl,--as-needed"]
    if not paddle.is_compiled_with_cuda():
        return [[compiler(), *flags, "-shared", str(CSRC / "psamask_op.cc"), "-o", str(target), *link]]

    nvcc, home = _cuda()
    device = work / "psamask_cuda.o"
    archs = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in _cuda_archs(nvcc)]
    kernels = [nvcc, "-std=c++17", "-O3", "-Xcompiler", "-fPIC", *archs, "-c", str(CSRC / "psamask_cuda.cu")]
    # CUDA 13 keeps thrust, which Paddle's headers include, in a folder of its own.
    flags += ["-DPADDLE_WITH_CUDA", f"-I{home / 'include'}", f"-I{home / 'include' / 'cccl'}"]
    link += [f"-L{home / 'lib64'}", "-lcudart"]
    return [
        [*kernels, "-o", str(device)],
        [compiler(), *flags, "-shared", str(CSRC / "psamask_op.cc"), str(device), "-o", str(target), *link],
    ]


def _cuda() -> tuple:
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    nvcc = shutil.which("nvcc", path=str(Path(named) / "bin")) if named else shutil.which("nvcc")
    if not nvcc:
        raise BuildError("This Paddle uses CUDA but nvcc was not found; install the CUDA toolkit or set CUDA_HOME.")
    return nvcc, cuda_home(nvcc)


def cuda_home(nvcc: str) -> Path:
    """The toolkit's folder, by nvcc's own word: the nvcc on the path may be a script or a link."""
    command = [nvcc, "--dryrun", "-x", "cu", os.devnull]
    words = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    top = re.search(r"TOP=(.+)", words)
    return (Path(top[1].strip()) if top else Path(nvcc).resolve().parents[1]).resolve()


def _cuda_archs(nvcc: str) -> list:
    listed = os.environ.get("PADDLE_CUDA_ARCH_LIST")
    if listed:
        return sorted({name.replace(".", "") for name in re.split(r"[;,\s]+", listed) if name})
    if paddle.device.cuda.device_count():
        major, minor = paddle.device.cuda.get_device_capability()
        return [f"{major}{minor}"]
    known = subprocess.run([nvcc, "--list-gpu-arch"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return [arch for arch in DEFAULT_CUDA_ARCHS if f"compute_{arch}" in known]
