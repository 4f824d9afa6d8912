"""Every CUDA source compiles for its architectures. Nothing runs, because that needs a GPU.

CUDA 13's nvcc does not support Volta (sm_70). With it, NVRTC 12 compiles the kernels for sm_70; install it with
``pip install nvidia-cuda-nvrtc-cu12``.
"""

import ctypes
import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import paddle
import pytest

CUSTOM_OPS = Path(__file__).resolve().parents[1]
CSRC = CUSTOM_OPS / "csrc"
NVCC = shutil.which("nvcc")
needs_nvcc = pytest.mark.skipif(not NVCC, reason="no nvcc on this machine: the CUDA sources are not compiled")


def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("psamask_recipe", CUSTOM_OPS / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_with(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


def nvcc_archs() -> str:
    return subprocess.run([NVCC, "--list-gpu-arch"], stdout=subprocess.PIPE, text=True, check=True).stdout


@needs_nvcc
@pytest.mark.parametrize("arch", ["70", "80", "90"])
def test_launcher(arch, tmp_path):
    if f"compute_{arch}\n" not in nvcc_archs():
        if arch == "70":
            compile_kernels_with_nvrtc("sm_70")
            return
        pytest.skip(f"this nvcc does not know sm_{arch}")
    flags = ["-std=c++17", "-O3", f"-gencode=arch=compute_{arch},code=sm_{arch}", "--Werror=all-warnings"]
    compile_with([NVCC, *flags, "-c", str(CSRC / "psamask_cuda.cu"), "-o", str(tmp_path / "launcher.o")])


@needs_nvcc
def test_stand_alone_check_links(tmp_path):
    sources = [CUSTOM_OPS / "benchmarks" / "psamask_cuda_check.cu", CSRC / "psamask_cuda.cu"]
    program = tmp_path / "psamask_cuda_check"
    compile_with([NVCC, "-std=c++17", "-O3", "-arch=sm_80", *map(str, sources), "-o", str(program)])
    assert program.is_file()


@needs_nvcc
def test_glue_for_a_cuda_paddle():
    """The operator's Paddle side with its CUDA branch, against the headers of the Paddle at hand."""
    cuda = recipe().cuda_home(NVCC) / "include"
    root = Path(paddle.sysconfig.get_include())
    includes = [root, root / "third_party", cuda, cuda / "cccl"]
    flags = ["-std=c++17", "-w", "-DPADDLE_WITH_CUDA", "-DPADDLE_WITH_CUSTOM_KERNEL", "-DPADDLE_NO_PYTHON"]
    command = ["g++", *flags, *(f"-I{path}" for path in includes), "-fsyntax-only", str(CSRC / "psamask_op.cc")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if "cublasXt.h: No such file" in done.stdout:
        pytest.skip("this CUDA toolkit lacks cublasXt.h, which the headers of this Paddle include")
    assert done.returncode == 0, done.stdout


def compile_kernels_with_nvrtc(arch: str) -> None:
    """Compile the device code, with every kernel in every element size, to machine code for ``arch``."""
    spec = importlib.util.find_spec("nvidia")
    roots = [Path(path) for path in spec.submodule_search_locations] if spec else []
    found = [path for root in roots for path in (root / "cuda_nvrtc" / "lib").glob("libnvrtc.so.12*")]
    if not found:
        pytest.skip(f"this nvcc does not know {arch}, and nvidia-cuda-nvrtc-cu12 is not installed")
    nvrtc = ctypes.CDLL(str(found[0]))
    # NVRTC has no standard headers; the kernels use nothing but the names of fixed-width integers.
    integers = (
        b"typedef short int16_t; typedef unsigned short uint16_t; typedef unsigned uint32_t;"
        b"typedef long long int64_t; typedef unsigned long long uint64_t;"
    )
    names = [
        f"&psamask::cuda::{kernel}_kernel<uint{bits}_t>".encode()
        for kernel in ("collect", "collect_grad", "distribute", "distribute_grad")
        for bits in (16, 32, 64)
    ]
    headers = {
        b"cstdint": integers,
        b"psamask_geometry.h": (CSRC / "psamask_geometry.h").read_bytes(),
        b"psamask_kernels.cuh": (CSRC / "psamask_kernels.cuh").read_bytes(),
    }
    texts = (ctypes.c_char_p * len(headers))(*headers.values())
    titles = (ctypes.c_char_p * len(headers))(*headers)
    program = ctypes.c_void_p()
    source = b'#include "psamask_kernels.cuh"\n'
    assert not nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"all.cu", len(headers), texts, titles)
    for name in names:
        assert not nvrtc.nvrtcAddNameExpression(program, name)
    options = [f"--gpu-architecture={arch}".encode(), b"--std=c++17"]
    status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    assert not nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    assert size.value > 0
