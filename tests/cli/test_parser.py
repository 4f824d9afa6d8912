"""Beginnings of flags stand for them, in every command; what may be two flags, or none, is one sentence."""

import importlib
import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from paddleseg_ext import cli
from paddleseg_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def loaded(path: str):
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_")[:-3], ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parser() -> cli.Parser:
    made = cli.Parser("A command.", "python it.py")
    made.prog = "it.py"
    cli.add_config_flags(made)
    made.add_argument("--save_dir")
    made.add_argument("--save_interval", type=int)
    made.add_argument("--iters", type=int)
    made.add_argument("--iters_of_ours", type=int)
    made.add_argument("--to_static", action="store_true")
    made.add_argument("names", nargs="*")
    made.give_way("--iters_of_ours")
    made.refuse("--use_trt", "--enable_tuning", why="it was not tried")
    return made


def parsed(*words: str):
    return parser().parse_args(["--config", "a.yml", *words])


@pytest.mark.parametrize(
    ("words", "name", "value"),
    (
        (["--save_d", "x"], "save_dir", "x"),
        (["--save_i=3"], "save_interval", 3),
        (["--save_dir", "x"], "save_dir", "x"),
        (["--save_dir=--save_i=3"], "save_dir", "--save_i=3"),
        (["--opt", "a.b=1", "c=--save", "--save_d", "x"], "opts", ["a.b=1", "c=--save"]),
        (["--opts=save=1"], "opts", ["save=1"]),
        (["a", "--", "--save"], "names", ["a", "--save"]),
    ),
)
def test_a_beginning_stands_for_the_flag(words, name, value):
    assert getattr(parsed(*words), name) == value


@pytest.mark.parametrize("words", ([], ["--traceback"], ["--tr"]))
def test_no_command_sees_the_flag_that_run_obeys(words):
    assert set(vars(parsed(*words))) == set(vars(parsed()))
    assert "traceback" not in vars(parsed(*words))


def test_an_exact_name_wins_and_a_flag_of_ours_gives_way():
    assert vars(parsed("--iters", "3"))["iters"] == vars(parsed("--it", "3"))["iters"] == 3
    assert parsed("--iters_", "3").iters_of_ours == 3
    # --traceback is ours, too.
    assert parsed("--t").to_static


@pytest.mark.parametrize(
    ("words", "sentence"),
    (
        (["--save", "x"], "--save can mean --save_dir or --save_interval; write more letters."),
        (["--save=x"], "--save can mean --save_dir or --save_interval; write more letters."),
        (["--sav_dir", "x"], "it.py does not know --sav_dir; did you mean --save_dir?"),
        (["--save_dirs", "x"], "it.py does not know --save_dirs; did you mean --save_dir?"),
        (["--zzz"], "it.py does not know --zzz; --help lists the flags."),
        (["--use_t", "True"], "--use_trt is a flag of PaddleSeg that it.py does not have: it was not tried."),
        (["--enable"], "--enable_tuning is a flag of PaddleSeg that it.py does not have: it was not tried."),
    ),
)
def test_no_flag_or_two(words, sentence):
    with pytest.raises(UserError) as error:
        parsed(*words)
    assert str(error.value) == sentence


def test_help_keeps_the_indentation_of_a_continued_example():
    made = cli.Parser("A command.", "\npython it.py --config my.yml \\\n    --iters 3\npython it.py a\n")
    assert made.format_help().endswith(
        "examples:\n  python it.py --config my.yml \\\n      --iters 3\n  python it.py a\n"
    )


def test_a_switch_of_paddleseg_that_is_off_asks_for_nothing():
    assert not hasattr(parsed("--use_trt", "False", "--enable_t=False"), "use_trt")


# Every command, with beginnings that stand for one of its flags each, and what it is given besides.
COMMANDS = {
    "paddleseg_ext.commands.train": (
        "--con a --log_iter 3 --do --use_v --use_e --to_s --learn 0.1 --keep 1 --dev cpu",
        {"log_iters": 3},
    ),
    "paddleseg_ext.commands.val": (
        "--con a --model b --aug --scale 1 2 --flip_h --auc --prec fp16 --data NHWC",
        {"scales": [1, 2]},
    ),
    "paddleseg_ext.commands.predict": (
        "--con a --model b --image c --cus 1 2 3 --is --crop 4 4 --dev cpu --str 2 2",
        {"stride": [2, 2]},
    ),
    "paddleseg_ext.commands.export": (
        "--con a --model b --input 1 3 8 8 --for --out none",
        {"for_fd": True, "output_op": "none"},
    ),
    "deploy/python/infer.py": ("--con a --image b --dev cpu --save c --with --cpu 2", {"cpu_threads": 2}),
    "deploy/onnx/infer.py": ("--mod a --image b --save c --cpu 2 --bench", {"cpu_threads": 2}),
    "paddleseg_ext.convert.__main__": ("a.pth --con a.yml --out b --dry --so ssseg --ent model", {"entry": "model"}),
    "paddleseg_ext.zoo.__main__": ("list --mod PSANet row --js", {"json": True, "rows": ["row"]}),
    "paddleseg_ext.parity.__main__": ("--peer ssseg --mod psanet --mask 5 5 --base 8 --out 16", {"mask_size": [5, 5]}),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_in_every_command(command):
    words, expected = COMMANDS[command]
    module = loaded(command) if command.endswith(".py") else importlib.import_module(command)
    flags = vars(module.parse(words.split()))
    assert {name: flags[name] for name in expected} == expected


# The commands that do not show their flags before they work: a flag they do not have is reported by the same parser.
WORKING = (
    "tools/run_every_recipe.py",
    *(f"tools/data/{name}.py" for name in ("ade20k", "cityscapes", "tiny", "voc12aug")),
    *(f"test_tipc/{name}.py" for name in ("cityscapes_lite", "compare_results", "stand_in_weights")),
    "benchmarks/attention_gain.py",
    "paddleseg_ext/datasets/check.py",
    "paddleseg_ext/datasets/quickstart.py",
)


@pytest.mark.parametrize("path", WORKING)
def test_the_other_commands_have_this_parser(path, capsys):
    main = loaded(path).main
    with pytest.raises(SystemExit) as end:
        main(["--hel"])
    assert end.value.code == 0
    assert "--traceback" in capsys.readouterr().out
    assert cli.run(main, ["--no_such_flag"]) == 1
    assert "does not know --no_such_flag" in capsys.readouterr().err


def test_no_parser_is_forgotten():
    """Whoever builds a ``cli.Parser`` is in one of the two lists."""
    known = {path if path.endswith(".py") else path.replace(".", "/") + ".py" for path in COMMANDS}
    folders = ("tools", "test_tipc", "benchmarks", "deploy", "paddleseg_ext")
    files = [*ROOT.glob("*.py"), *(path for name in folders for path in (ROOT / name).rglob("*.py"))]
    users = {str(path.relative_to(ROOT)) for path in files if "cli.Parser(" in path.read_text(encoding="utf-8")}
    assert users <= known | set(WORKING)


@pytest.mark.parametrize("name", ("train", "val", "predict", "export"))
def test_paddlesegs_paths(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(ROOT / f"tools/{name}.py"), "--help"])
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(sys.argv[0], run_name="__main__")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: {name}.py " in text
    assert loaded(f"paddleseg_ext/commands/{name}.py").EXAMPLES.strip().splitlines()[0] in text


def test_paddlesegs_paths_in_a_process_of_their_own(tmp_path):
    command = [sys.executable, str(ROOT / "tools/train.py"), "--conf", "nowhere.yml"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: --config: the file nowhere.yml does not exist; check the path."
