"""TIPC chains whose steps are tiny scripts: what the shell does, without any training."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIPC = ROOT / "test_tipc"
TRAINING_FILE = TIPC / "configs" / "psanet" / "train_infer_python.txt"

# Each writes what the next step needs, and fails if BREAK names it.
STEP = """
import os, pathlib, sys
name = pathlib.Path(sys.argv[0]).stem
flags = dict(word.split("=", 1) for word in sys.argv[1:] if word.startswith("--") and "=" in word)
if name in os.environ.get("BREAK", ""):
    sys.exit(f"{name} was made to fail")
folder = pathlib.Path(flags.get("--save_dir", "."))
folder.mkdir(parents=True, exist_ok=True)
"""
STEPS = {
    "train.py": """
(folder / "best_model").mkdir(exist_ok=True)
(folder / "best_model" / "model.pdparams").write_text("weights")
for step in range(1, 5):
    loss = 4 - step / 10 + (float(os.environ.get("STATIC_ERROR", 0)) if "--to_static_training" in sys.argv else 0)
    print(f"[TRAIN] epoch: 1, iter: {step}/4, loss: {loss:.4f}, lr: 0.01, ips: {step:.4f} samples/sec | ETA 00:00")
""",
    "val.py": """assert pathlib.Path(flags["--model_path"]).is_file()""",
    "export.py": """
assert pathlib.Path(flags["--model_path"]).is_file()
(folder / "deploy.yaml").write_text("model")
(folder / "model.onnx").write_text("model")
""",
    "infer.py": """assert pathlib.Path(flags.get("--config", flags.get("--model"))).is_file()""",
}


class Chain:
    """A copy of test_tipc/ in an empty folder, with scripts for steps and an interpreter that notes what it runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "programs"
        self.programs.mkdir()
        (root / "test_tipc").mkdir()
        for path in (*TIPC.glob("*.sh"), *TIPC.glob("*.py")):
            shutil.copy(path, root / "test_tipc")
        for name, text in STEPS.items():
            (root / name).write_text(STEP + text)
        self._program("python", f'echo "$*" >>{root}/calls\n{self._without_launcher()}exec {sys.executable} "$@"')
        # No test looks for a card.
        self._program("nvidia-smi", "exit 1")
        (root / "val.list").write_text("picture.png\n")

    @staticmethod
    def _without_launcher() -> str:
        return 'if [ "$1" = -m ]; then while [[ $1 != *.py ]]; do shift; done; fi\n'

    def _program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def pretend_cards(self, count: int) -> None:
        """Make the scripts find cards; nothing here computes on them."""
        self._program("nvidia-smi", "exit 0")
        answer = f'if [ "$1" = -c ]; then echo {count}; exit; fi'
        note = f'echo "$CUDA_VISIBLE_DEVICES $*" >>{self.root}/calls'
        self._program("python", f'{answer}\n{note}\n{self._without_launcher()}exec {sys.executable} "$@"')

    def write(self, changes: dict = (), source: Path = TRAINING_FILE, drop: tuple = ()) -> Path:
        """The project's own TIPC file with steps replaced; then ``changes``, line number -> text."""
        lines = ["", *source.read_text().splitlines()]
        steps = {16: "norm_train:train.py", 24: "eval:val.py", 30: "norm_export:export.py", 40: "inference:infer.py"}
        steps.update({12: "train_infer_img_dir:val.list", 38: "infer_export:export.py", 48: "--image_path:val.list"})
        steps.update({4: "gpu_list:-1", 5: "--device:cpu", 61: "--profiler_options:null"})
        if source == TRAINING_FILE:
            for number, text in steps.items():
                lines[number] = text
        for number, text in dict(changes).items():
            lines[number] = text
        path = self.root / "tipc.txt"
        path.write_text("".join(f"{line}\n" for number, line in enumerate(lines) if number and number not in drop))
        return path

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Run a script of test_tipc/."""
        return self.bash(f"bash test_tipc/{script} {' '.join(map(str, arguments))}", **environment)

    def bash(self, command: str, **environment: str) -> subprocess.CompletedProcess:
        """Run a line of shell in the copy."""
        variables = {**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["bash", "-c", command], cwd=self.root, env={**variables, **environment}, capture_output=True, text=True
        )

    def refused(self, script: str, *arguments: str) -> str:
        """Run a script that must end with one sentence, without having written anything; returns the sentence."""
        before = self.files()
        done = self.run(script, *arguments)
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith("."), done.stderr
        assert self.files() == before
        return lines[0]

    def files(self) -> dict:
        """Every file and its content."""
        return {
            path: path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    def log(self, mode: str = "lite_train_lite_infer", name: str = "results_python.log") -> str:
        """What the chain has logged."""
        return (self.root / "test_tipc" / "output" / "psanet" / mode / name).read_text()

    def calls(self) -> list:
        """What the interpreter was asked to run."""
        return (self.root / "calls").read_text().splitlines()


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)
