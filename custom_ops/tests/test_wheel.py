"""The wheel: built here, installed elsewhere, used by a process that has no compiler."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import paddle
import pytest

CUSTOM_OPS = Path(__file__).resolve().parents[1]


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(CUSTOM_OPS))
    return next(folder.glob("*.whl"))


def test_its_name_has_the_version_of_paddle(wheel):
    assert wheel.name.startswith(f"paddleseg_ext_ops-0.1.0+paddle{paddle.__version__}")
    assert "-py3-none-linux" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert f"compiled for Paddle {paddle.__version__}" in metadata
    assert {"paddleseg_ext_ops/psamask.so", "paddleseg_ext_ops/psamask.json"} <= set(names)


def test_it_works_installed_elsewhere_without_a_compiler(wheel, tmp_path):
    site = tmp_path / "site"
    pip("install", "--no-deps", "--no-index", "--target", str(site), str(wheel))
    program = (
        "import paddleseg_ext, paddle; from paddleseg_ext.ops import library, psamask;"
        "print('sum', float(psamask(paddle.ones([1, 9, 2, 2]), 'collect', 3).sum()), library.load())"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(CUSTOM_OPS.parent), str(site)]),
        "PADDLESEG_EXT_CACHE": str(tmp_path / "cache"),
        "PADDLESEG_EXT_OPS": "compiled",
        "CXX": str(tmp_path / "no-compiler"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, check=True, cwd=tmp_path
    )
    assert f"sum 16.0 {site / 'paddleseg_ext_ops' / 'psamask.so'}" in done.stdout
    assert not (tmp_path / "cache").exists()
