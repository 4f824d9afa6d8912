"""What importing the package changes in PaddleSeg, except for the repairs (``tests/compat``)."""

import ast
import subprocess
import sys
from pathlib import Path

import paddleseg.core
import paddleseg.models
import paddleseg.transforms
import pytest
from paddleseg.core.train import train as original_train
from paddleseg.core.val import evaluate as original_evaluate
from paddleseg.cvlibs import manager

from paddleseg_ext import engine, models, takeover, transforms
from paddleseg_ext.transforms.reading import compose

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "paddleseg_ext"
# PaddleSeg's log level changes while a part is built, and changes back.
FOR_A_WHILE = {"logger.log_level"}


def test_the_readme_says_the_same():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## What importing it changes\n")[2].partition("\n## ")[0]
    assert section.strip() == takeover.__doc__.partition("\n")[2].strip()


def test_train_and_evaluate():
    assert paddleseg.core.train is engine.train
    assert paddleseg.core.evaluate is engine.evaluate
    assert original_train.__module__ == "paddleseg.core.train"
    assert original_evaluate.__module__ == "paddleseg.core.val"


@pytest.mark.parametrize("name", ["PSPNet", "ISANet"])
def test_models(name):
    assert manager.MODELS[name] is getattr(models, name)
    assert getattr(paddleseg.models, name) is not getattr(models, name)


def test_normalize():
    assert manager.TRANSFORMS["Normalize"] is transforms.Normalize
    assert paddleseg.transforms.Normalize is not transforms.Normalize


def test_compose():
    assert paddleseg.transforms.Compose.__call__ is compose
    assert manager.DATASETS["Dataset"].__init__.__globals__["Compose"] is paddleseg.transforms.Compose


def test_apply_again_changes_nothing():
    def state() -> list[object]:
        core = paddleseg.core
        components = (*manager.MODELS.components_dict.values(), *manager.TRANSFORMS.components_dict.values())
        return [core.train, core.evaluate, paddleseg.transforms.Compose.__call__, compose.__wrapped__, *components]

    before = state()
    takeover.apply()
    assert state() == before


def test_a_part_of_the_package_brings_all_changes():
    """Python runs ``paddleseg_ext/__init__.py`` first, whichever part a program imports."""
    program = """
import zlib  # before paddle: see paddleseg_ext/__init__.py
import paddleseg.core
from paddleseg.cvlibs import manager
from paddleseg.transforms import Compose

def parts():
    components = [manager.MODELS["PSPNet"], manager.MODELS["ISANet"], manager.TRANSFORMS["Normalize"]]
    return [paddleseg.core.train, paddleseg.core.evaluate, Compose.__call__, *components]

before = parts()
import paddleseg_ext.transforms.pixels
assert not any(one is other for one, other in zip(before, parts()))
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def replaced(source: str) -> list[str]:
    """The attributes and items of PaddleSeg that a file assigns to."""
    tree = ast.parse(source)
    theirs = {
        name.asname or name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
        if (getattr(node, "module", None) or name.name).partition(".")[0] == "paddleseg"
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            root = node.value
            while isinstance(root, (ast.Attribute, ast.Subscript)):
                root = root.value
            if isinstance(root, ast.Name) and root.id in theirs:
                found.append(ast.unparse(node))
    return found


def test_no_other_file_replaces_parts_of_paddleseg():
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "compat" not in path.parents and path.name != "takeover.py":
            assert set(replaced(path.read_text(encoding="utf-8"))) <= FOR_A_WHILE, path


def test_a_replaced_part_is_found():
    assert len(replaced((PACKAGE / "takeover.py").read_text(encoding="utf-8"))) == 5
    source = "import paddleseg.core as c, os\nfrom paddleseg import core\nc.train, os.a = core.a['b'] = core = 1, 2"
    assert sorted(replaced(source)) == ["c.train", "core.a['b']"]
