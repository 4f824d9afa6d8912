"""The commands that compile the psamask library. ``setup.py`` and the build on first use both use this file.

It does not import ``paddleseg_ext``, because ``setup.py`` may run where that package is not installed.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import zlib  # noqa: F401  With Paddle 2.6.2, scipy's import crashes later unless zlib was loaded before paddle.
from pathlib import Path

import paddle

CSRC = Path(__file__).resolve().parent / "csrc"
LIBRARY = "psamask.so"
STAMP = "psamask.json"

# No -march: the wheel must run on other machines, and memory limits the speed of the kernels.
OPTIMIZATION = ["-std=c++17", "-O3", "-pthread"]

# The generations of V100, A100 and H100. Used if no card is visible and PADDLE_CUDA_ARCH_LIST is not set.
DEFAULT_CUDA_ARCHS = ("70", "80", "90")


class BuildError(Exception):
    """The library could not be compiled. The message is one sentence, followed by the compiler's messages."""


def source_hash() -> str:
    """A digest of this file and all files in ``csrc/``: their names and bytes."""
    digest = hashlib.sha256()
    for path in [Path(__file__), *sorted(CSRC.iterdir())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def stamp() -> dict[str, str]:
    """The Paddle, the machine and the sources that a library built by this process fits."""
    return {
        "paddle": paddle.version.full_version,
        "paddle_commit": paddle.version.commit,
        "cuda": paddle.version.cuda() if paddle.is_compiled_with_cuda() else "none",
        "machine": platform.machine(),
        "sources": source_hash(),
    }


def key() -> str:
    """The name of a build in a cache; it depends on the stamp and on the CUDA architectures."""
    parts = {**stamp(), "archs": os.environ.get("PADDLE_CUDA_ARCH_LIST")}
    return hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:16]


def compiler() -> str:
    """The C++ compiler: ``CXX``, else g++, c++ or clang++ on the path.

    Raises:
        BuildError: None of them is found.
    """
    wanted = os.environ.get("CXX")
    names = [wanted] if wanted else ["g++", "c++", "clang++"]
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise BuildError(f"No C++ compiler found (tried {', '.join(names)}); install g++ or set CXX.")


def compile_library(target: Path) -> None:
    """Compile ``csrc/`` for the Paddle in this process into ``target``.

    Args:
        target: The shared library to write. It is written in place, so use a temporary name if other processes may
            read it.

    Raises:
        BuildError: There is no compiler, or it reports errors.
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


def _commands(target: Path, work: Path) -> list[list[str]]:
    root = Path(paddle.sysconfig.get_include())
    compat = root / "paddle" / "phi" / "api" / "include" / "compat"
    includes = [root, root / "third_party", compat, compat / "torch" / "csrc" / "api" / "include"]
    flags = [*OPTIMIZATION, "-fPIC", "-w", "-DPADDLE_WITH_CUSTOM_KERNEL"]
    # The library does not contain Python, so it fits every Python version that has this Paddle.
    flags += ["-DPADDLE_NO_PYTHON"]
    flags += [f"-I{path}" for path in includes if path.is_dir()]
    base = Path(paddle.__file__).parent / "base"
    # The dependency on libpaddle.so has no path: Paddle has loaded it before this library, from any place. So the wheel
    # can move.
    link = [f"-L{base}", "-Wl,--no-as-needed", "-l:libpaddle.so", "-Wl,--as-needed"]
    if not paddle.is_compiled_with_cuda():
        return [[compiler(), *flags, "-shared", str(CSRC / "psamask_op.cc"), "-o", str(target), *link]]

    nvcc, home = _cuda()
    device = work / "psamask_cuda.o"
    archs = [f"-gencode=arch=compute_{arch},code=sm_{arch}" for arch in _cuda_archs(nvcc)]
    kernels = [nvcc, "-std=c++17", "-O3", "-Xcompiler", "-fPIC", *archs, "-c", str(CSRC / "psamask_cuda.cu")]
    # Paddle's headers include thrust, which CUDA 13 has in the folder cccl.
    flags += ["-DPADDLE_WITH_CUDA", f"-I{home / 'include'}", f"-I{home / 'include' / 'cccl'}"]
    link += [f"-L{home / 'lib64'}", "-lcudart"]
    return [
        [*kernels, "-o", str(device)],
        [compiler(), *flags, "-shared", str(CSRC / "psamask_op.cc"), str(device), "-o", str(target), *link],
    ]


def _cuda() -> tuple[str, Path]:
    """nvcc and the folder of its toolkit."""
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    nvcc = shutil.which("nvcc", path=str(Path(named) / "bin")) if named else shutil.which("nvcc")
    if not nvcc:
        raise BuildError("This Paddle uses CUDA, but nvcc was not found; install the CUDA toolkit or set CUDA_HOME.")
    return nvcc, cuda_home(nvcc)


def cuda_home(nvcc: str) -> Path:
    """The toolkit's folder, as nvcc reports it, because the nvcc on the path may be a script or a link."""
    command = [nvcc, "--dryrun", "-x", "cu", os.devnull]
    words = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    top = re.search(r"TOP=(.+)", words)
    return (Path(top[1].strip()) if top else Path(nvcc).resolve().parents[1]).resolve()


def _cuda_archs(nvcc: str) -> list[str]:
    listed = os.environ.get("PADDLE_CUDA_ARCH_LIST")
    if listed:
        return sorted({name.replace(".", "") for name in re.split(r"[;,\s]+", listed) if name})
    if paddle.device.cuda.device_count():
        major, minor = paddle.device.cuda.get_device_capability()
        return [f"{major}{minor}"]
    known = subprocess.run([nvcc, "--list-gpu-arch"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return [arch for arch in DEFAULT_CUDA_ARCHS if f"compute_{arch}" in known]
