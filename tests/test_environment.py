"""The sentence of an import of the package in environments that cannot work, made of stand-ins in a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNUSABLE_OPENCV = "raise AttributeError(\"module 'cv2.dnn' has no attribute 'DictValue'\")"
NO_LIBGL = "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')"
CAUGHT = "try:\n    import paddleseg_ext\nexcept ImportError as error:\n    print('caught:', error)"


def noted(folder: Path, name: str, version: str) -> None:
    """What pip notes of an installed package."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def module(folder: Path, name: str, content: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(content + "\n")


def run(folder: Path, *words: str, bare: bool = False):
    """Python with the stand-ins first, and nothing but the standard library behind them where ``bare``."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, *(["-S"] if bare else []), *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def sentence_of(folder: Path, bare: bool = False) -> str:
    """The message of the ImportError that a script of the user's can catch."""
    done = run(folder, "-c", CAUGHT, bare=bare)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("caught: ") and done.stdout.count("\n") == 1
    return done.stdout.removeprefix("caught: ").strip()


@pytest.mark.parametrize("words", [["train.py", "--config", "my.yml"], ["-m", "paddleseg_ext.zoo", "list"]], ids=str)
def test_command_lines_print_the_sentence_and_nothing_else(words, tmp_path):
    done = run(tmp_path, *words, bare=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {sentence_of(tmp_path, bare=True)}\n"


def test_without_paddle(tmp_path):
    sentence = sentence_of(tmp_path, bare=True)
    assert sentence.startswith("paddle is not installed in ")
    assert "pip install paddlepaddle==3.2.2" in sentence


def test_a_folder_called_paddle_is_no_paddle(tmp_path):
    (tmp_path / "paddle" / "notes").mkdir(parents=True)
    assert "paddle is not installed" in sentence_of(tmp_path, bare=True)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("paddleseg", "pip install paddleseg==2.8.0"),
        ("cv2", 'pip install "opencv-python<=4.6.0" "numpy<2"'),
        ("numpy", 'pip install "numpy<2"'),
    ],
)
def test_without_another_package(missing, sentence, tmp_path):
    for name in {"paddle", "paddleseg", "cv2", "numpy"} - {missing}:
        module(tmp_path, name, "")
    found = sentence_of(tmp_path, bare=True)
    assert found.startswith(f"{missing} is not installed") and found.endswith(sentence)


def test_a_package_that_paddleseg_needs(tmp_path):
    module(tmp_path, "paddleseg", "import prettytable_that_is_not_there")
    found = sentence_of(tmp_path)
    assert found.startswith("prettytable_that_is_not_there is not installed")


def test_two_opencvs_that_cannot_be_imported(tmp_path):
    noted(tmp_path, "opencv-python", "4.5.5.64")
    noted(tmp_path, "opencv-python-headless", "5.0.0.93")
    noted(tmp_path, "numpy", "2.4.6")
    module(tmp_path, "cv2", UNUSABLE_OPENCV)
    found = sentence_of(tmp_path)
    assert found.startswith(
        "opencv-python 4.5.5.64 and opencv-python-headless 5.0.0.93 are installed, and their files are mixed in "
        f"{tmp_path / 'cv2'} (AttributeError: module 'cv2.dnn' has no attribute 'DictValue'); run: "
        "python -m pip uninstall -y opencv-python opencv-python-headless, then python -m pip install"
    )


def test_two_opencvs_that_can_be_imported_are_a_warning(tmp_path):
    noted(tmp_path, "opencv-python", "4.5.5.64")
    noted(tmp_path, "opencv-contrib-python", "4.5.4.60")
    done = run(tmp_path, "-c", "import paddleseg_ext; print('imported')")
    assert done.stdout.endswith("imported\n")
    assert "UserWarning: opencv-python 4.5.5.64 and opencv-contrib-python 4.5.4.60 are installed" in done.stderr


def test_opencvs_of_one_version_or_of_different_folders_mix_nothing(tmp_path):
    noted(tmp_path, "opencv-contrib-python-headless", "1.0")  # the environment's own OpenCV lies in another folder
    noted(tmp_path, "opencv-contrib-python", "1.0")
    done = run(tmp_path, "-c", "import paddleseg_ext; print('imported')")
    assert done.stdout.endswith("imported\n")
    assert "OpenCV" not in done.stderr and "opencv" not in done.stderr


def test_one_opencv_that_cannot_be_imported(tmp_path):
    noted(tmp_path, "opencv-python", "4.5.5.64")
    module(tmp_path, "cv2", UNUSABLE_OPENCV)
    found = sentence_of(tmp_path)
    assert (
        found.startswith("the installed OpenCV cannot be imported (AttributeError") and "uninstall -y opencv" in found
    )


def test_opencv_without_its_system_library(tmp_path):
    noted(tmp_path, "opencv-python", "4.5.5.64")
    module(tmp_path, "cv2", NO_LIBGL)
    found = sentence_of(tmp_path)
    assert found.startswith(
        "The system library libGL.so.1 is missing, but cv2 needs it; on Debian or Ubuntu run: apt-get"
    )
    assert "install libgl1" in found and "install opencv-python-headless==4.5.5.64" in found


def test_numpy_2_with_an_opencv_for_numpy_1(tmp_path):
    noted(tmp_path, "opencv-python", "4.5.5.64")
    noted(tmp_path, "numpy", "2.0.2")
    found = sentence_of(tmp_path)
    assert found.startswith("numpy 2.0.2 is installed, but opencv-python 4.5.5.64 is built for numpy 1; run: ")
    assert found.endswith('pip install "numpy<2"')


@pytest.mark.parametrize("version", ["2.4.2", "4.0.0"])
def test_a_paddle_of_another_release_that_fails(version, tmp_path):
    module(tmp_path, "paddle", f"__version__ = '{version}'")
    found = sentence_of(tmp_path)
    assert found.startswith(f"Paddle {version} is installed, but paddleseg_ext is for Paddle 2.6.2 to 3.3.1 (")
    assert found.endswith("pip install paddlepaddle==3.2.2")


def test_a_paddleseg_of_another_release_that_fails(tmp_path):
    module(tmp_path, "paddleseg", "__version__ = '2.5.0'")
    found = sentence_of(tmp_path)
    assert found.startswith("paddleseg 2.5.0 is installed, but paddleseg_ext is for paddleseg 2.8.0 (")
    assert found.endswith("pip install paddleseg==2.8.0")


def test_releases_that_were_not_tried_are_a_warning(tmp_path):
    code = (
        "import paddle; paddle.__version__ = '3.9.0'; import paddleseg; paddleseg.__version__ = '2.9.0'\n"
        "import paddleseg_ext; print('imported')"
    )
    done = run(tmp_path, "-c", code)
    assert done.stdout.endswith("imported\n")
    assert "UserWarning: Paddle 3.9.0 is installed" in done.stderr
    assert "UserWarning: paddleseg 2.9.0 is installed" in done.stderr


def test_a_fault_of_the_package_itself_keeps_its_traceback(tmp_path):
    code = "import sys; sys.modules['paddleseg_ext.compat'] = None; import paddleseg_ext"
    done = run(tmp_path, "-c", code)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "paddleseg_ext" in done.stderr.splitlines()[-1]


def test_traceback_shows_where_it_came_from(tmp_path):
    module(tmp_path, "cv2", NO_LIBGL)
    done = run(tmp_path, "train.py", "--traceback")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "cv2/__init__.py" in done.stderr
