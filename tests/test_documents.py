"""What the documents and ``--help`` tell a reader to type, and where their links lead, exists."""

import importlib
import importlib.util
import itertools
import re
import shlex
from pathlib import Path

import paddle
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("benchmarks", "configs", "custom_ops", "deploy", "docs", "test_tipc", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md"))])
SCRIPTS = ("train", "val", "predict", "export", "deploy/python/infer", "deploy/onnx/infer")


def script(name):
    if "/" not in name:
        return importlib.import_module(f"paddleseg_ext.commands.{name}")
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), ROOT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(text):
    """The lines of a shell listing, continued lines joined, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def listings(document):
    return re.findall(r"^```(?:bash|sh)\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def check_command(words):
    """Raise unless the program of a command is there and takes its flags."""
    words = list(itertools.dropwhile(re.compile(r"[A-Z]\w*=").match, words))
    if words[:3] == ["python", "-m", "paddle.distributed.launch"]:
        words = ["python", *words[next(i for i, word in enumerate(words) if word.endswith(".py")) :]]
    if words[0] == "bash":
        assert (ROOT / words[1]).is_file(), words
    elif words[:2] == ["python", "-m"] and words[2].startswith("paddleseg_ext"):
        assert importlib.util.find_spec(words[2]), words
    elif words[0] == "python" and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words
        name = words[1][: -len(".py")]
        if name in SCRIPTS:
            flags = script(name).parse(words[2:])
            config = str(getattr(flags, "config", ""))
            assert not config.startswith("configs/") or (ROOT / config).is_file(), words


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_document(document):
    for listing in listings(document):
        for words in commands(listing):
            check_command(words)
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


# A path from the root of the repository, as a document quotes it; NAME and <name> stand for many.
PATH = re.compile(r"`((?:benchmarks|configs|custom_ops|docs|paddleseg_ext|tests|tools)/[a-z0-9_./-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_paths(document):
    """A path may also be seen from the folder of the document."""
    for path in PATH.findall(document.read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or (document.parent / path).exists(), f"{document.name} names {path}"


def test_the_map_holds_every_room_and_no_other():
    """The first table of docs/design.md."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    _, table = text.split("| `paddleseg_ext/` | subject |\n|---|---|\n")
    rows = re.findall(r"\| `(\S+)` \|", table.partition("\n\n")[0])
    package = ROOT / "paddleseg_ext"
    files = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    assert sorted(rows) == sorted(files | {f"{path.parent.name}/" for path in package.glob("*/__init__.py")})


@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_of_help(name):
    examples = list(commands(script(name).EXAMPLES))
    assert examples
    for words in examples:
        check_command(words)


def test_the_command_for_the_curves_answers_every_browser():
    """Without a language VisualDL 2.5.3 answers 500 to a browser that asks for neither English nor Chinese."""
    places = [*DOCUMENTS, *ROOT.glob("*.sh"), *ROOT.glob("*.py"), *(ROOT / "paddleseg_ext").rglob("*.py")]
    found = [line for path in places for line in path.read_text(encoding="utf-8").splitlines() if "visualdl --" in line]
    assert len(found) >= 2
    assert all("--language en" in line for line in found), found


def test_a_wrong_flag_or_file_would_be_seen():
    with pytest.raises(UserError, match="no_such_flag"):
        check_command(shlex.split("python val.py --config configs/x.yml --model_path m --no_such_flag"))
    with pytest.raises(AssertionError):
        check_command(shlex.split("python val.py --config configs/x.yml --model_path m"))
    with pytest.raises(AssertionError):
        check_command(["bash", "no_such_script.sh"])


def test_the_yaml_for_data_of_ones_own_loads(tmp_path):
    """The listing in docs/converting.md that stands above a shipped YAML."""
    text = (ROOT / "docs" / "converting.md").read_text(encoding="utf-8")
    listings_of_yaml = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (listing,) = [one for one in listings_of_yaml if "_base_" in one]
    (tmp_path / "mine.yml").write_text(listing.replace("_base_: configs", f"_base_: {ROOT / 'configs'}"))
    config = load_config(tmp_path / "mine.yml")
    assert config.train_dataset_cfg["num_classes"] == config.val_dataset_cfg["num_classes"] == 5
    assert [step["type"] for step in config.val_dataset_cfg["transforms"]] == ["Normalize"]
    with paddle.LazyGuard():
        assert Builder(config, pretrained=False).build("model").head.conv.weight.shape[0] == 5
