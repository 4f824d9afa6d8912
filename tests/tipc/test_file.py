"""TIPC files: the project's own are read, a broken one is reported by its line before anything is done."""

import re

import pytest

from paddleseg_ext.config.config import load_config
from tests.tipc.conftest import ROOT, TIPC

FILES = sorted((TIPC / "configs").rglob("*.txt"))
MODE = "lite_train_lite_infer"


def kind(path):
    return "paddle2onnx" if "paddle2onnx" in path.name else "dy2static" if "dy2static" in path.name else "train"


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{kind(path)}" for path in FILES])
def test_the_files_of_the_project(chain, path):
    done = chain.bash(f"source {TIPC}/common_func.sh; open_tipc {path} {kind(path)}; echo ${{#lines[@]}} $model_name")
    assert done.returncode == 0, done.stderr
    count, model = done.stdout.split()
    assert (int(count) - 1, model) == ({"train": 63, "dy2static": 22, "paddle2onnx": 13}[kind(path)], path.parent.name)
    configs = set(re.findall(r"--config (\S+)", path.read_text()))
    assert configs and all((ROOT / config).is_file() for config in configs)


def test_three_models_three_chains():
    assert {(path.parent.name, kind(path)) for path in FILES} == {
        (model, chain) for model in ("psanet", "pspnet", "isanet") for chain in ("train", "dy2static", "paddle2onnx")
    }


@pytest.mark.parametrize("model", ("psanet", "pspnet", "isanet"))
def test_the_network_is_the_published_one(model):
    """Only pictures, length, batch and the weights to start from are TIPC's."""
    ours = load_config(TIPC / "configs" / model / f"{model}_resnet50_os8_cityscapes_256x128_lite.yml").dic
    published = load_config(ROOT / "configs" / model / f"{model}_resnet50_os8_cityscapes_1024x512_220e_ssseg.yml").dic
    assert published["model"]["backbone"].pop("pretrained") is not None
    assert ours["model"]["backbone"].pop("pretrained") is None
    theirs = {
        key: published[key] for key in published if key not in ("batch_size", "iters", "train_dataset", "val_dataset")
    }
    assert {key: ours[key] for key in theirs} == theirs


def test_psanet_paddles_files():
    """Its TIPC file names this YAML, and its YAML this base; what is exported fits pictures of any size."""
    folder = TIPC / "configs"
    published = load_config(ROOT / "configs/psanet/psanet_resnet50_os8_cityscapes_1024x512_80k.yml").dic
    ours = load_config(folder / "psanet/psanet_resnet50_os8_cityscapes_1024x512_80k.yml").dic
    assert ours.pop("export")["transforms"][0] == {"type": "Resize", "target_size": [1024, 512]}
    for content in (ours, published):
        roots = {content[key].pop("dataset_root") for key in ("train_dataset", "val_dataset")}
        assert roots == {"test_tipc/data/cityscapes" if content is ours else "data/cityscapes"}
    assert ours == published


@pytest.mark.parametrize(
    ("changes", "drop", "sentence"),
    (
        ({}, (5,), "line 11: expected train_model_name:VALUE, got 'train_infer_img_dir:val.list'"),
        ({16: "norm_train train.py"}, (), "line 16: expected KEY:VALUE, got 'norm_train train.py'"),
        ({14: "--seed:1"}, (), "line 14: expected ##, got '--seed:1'"),
        ({23: "eval_params"}, (), "line 23: 'eval_params' is not a heading"),
        ({27: "===infer_params==="}, (), "line 27: the section infer_params cannot be here; expected export_params"),
        ({1: "===base_train==="}, (), "line 1: the section base_train cannot be here; expected train_params"),
        ({4: "gpu_list:all"}, (), "line 4: 'all' is not a list of cards"),
        ({4: "gpu_list:0,"}, (), "line 4: '0,' is not a list of cards"),
        ({4: "gpu_list:-1|-1,-1|0", 5: "--device:cpu|gpu"}, (), "line 5: 2 devices for the 3 entries of gpu_list"),
        ({2: "model_name:../.."}, (), "line 2: model_name '../..' is not a plain name"),
        ({15: "trainer:../../x"}, (), "line 15: '../../x' is not the name of a trainer"),
        ({3: "python:python3.7.x"}, (), "line 3: the interpreter python3.7.x does not exist"),
        ({7: "--iters:lite_infer=1"}, (), "line 7: no value for the mode lite_train_lite_infer"),
        ({12: "train_infer_img_dir:none.list"}, (), "line 12: none.list does not exist; run bash test_tipc/prepare.sh"),
        ({}, range(40, 64), "ends in the section infer_params, before its line 40"),
        ({}, range(29, 64), "ends in the section export_params, before its line 29; the file is cut off"),
        ({}, (14,), "line 14: expected ##, got 'trainer:norm_train'"),
        ({}, (45,), "line 48: expected --image_path:VALUE, got '--save_log_path:null'; a line is missing"),
        ({}, (45, *range(53, 64)), "line 48: expected --image_path:VALUE, got '--save_log_path:null'"),
        ({51: "--save_dir"}, (), "line 51: expected KEY:VALUE, got '--save_dir'"),
        ({}, range(1, 64), "is empty"),
        (
            {64: "seed:1"},
            (),
            "line 64: 'seed:1' is not a heading, but the section train_benchmark_params ends before it",
        ),
    ),
)
def test_broken(chain, changes, drop, sentence):
    file = chain.write({number: text for number, text in changes.items() if number < 64}, drop=drop)
    if 64 in changes:
        file.write_text(file.read_text() + changes[64] + "\n")
    assert sentence in chain.refused("test_train_inference_python.sh", file, MODE)


def test_a_missing_quote_runs_nothing(chain):
    file = chain.write({16: "norm_train:train.py --opts 'a"})
    done = chain.run("test_train_inference_python.sh", file, MODE)
    assert done.returncode == 1 and "a quote is missing" in done.stderr
    assert not (chain.root / "calls").exists()


@pytest.mark.parametrize("script", ("prepare.sh", "test_train_inference_python.sh", "benchmark_train.sh"))
def test_wrong_mode_or_file(chain, script):
    file = chain.write()
    assert "the mode 'lite' is unknown; use one of" in chain.refused(script, file, "lite")
    mode = "benchmark_train" if "benchmark" in script else MODE
    assert "no.txt does not exist" in chain.refused(script, "no.txt", mode)
    assert "usage: bash test_tipc/" in chain.refused(script)


@pytest.mark.parametrize("script", ("test_paddle2onnx.sh", "test_train_dy2static_python.sh"))
def test_the_other_chains(chain, script):
    assert "usage: bash test_tipc/" in chain.refused(script)
    assert "cannot be here" in chain.refused(script, chain.write())


@pytest.mark.parametrize(
    ("last", "steps"),
    (
        (21, ["train"]),  # without the ## that would come next
        (22, ["train"]),
        (25, ["train", "val"]),
        (26, ["train", "val"]),
        (35, ["train", "val", "export"]),
        (48, ["train", "val", "export", *["infer"] * 8]),
        (54, ["train", "val", "export", *["infer"] * 8]),
    ),
)
def test_a_file_may_end_after_any_section(chain, last, steps):
    """What it does not have is not run."""
    done = chain.run("test_train_inference_python.sh", chain.write(drop=range(last + 1, 64)), MODE)
    assert done.returncode == 0, done.stderr
    assert [re.match(r"(\w+)\.py ", call)[1] for call in chain.calls()] == steps
    if last < 36:
        sentence = "has no section ===infer_params===, which whole_infer needs"
        for script in ("prepare.sh", "test_train_inference_python.sh"):
            assert sentence in chain.run(script, chain.write(drop=range(last + 1, 64)), "whole_infer").stderr


@pytest.mark.parametrize("drop", ((51,), (51, *range(53, 64)), (49, 50)))
def test_the_last_lines_of_inference_are_known_by_name(chain, drop):
    """Two of PaddleSeg's files have no --save_dir there."""
    assert chain.run("test_train_inference_python.sh", chain.write(drop=drop), MODE).returncode == 0
    call = chain.calls()[3]
    assert ("--save_dir=" in call) == (51 not in drop) and ("--benchmark=True" in call) == (50 not in drop)
    assert call.endswith(" --model_name=psanet")
    assert 51 in drop or "/python_infer_cpu_usemkldnn_True_threads_1_precision_fp32_batchsize_1_results" in call


def test_a_benchmark_that_is_disabled(chain):
    """PaddleSeg's way to keep the section of a model that it does not measure."""
    file = chain.write({57: "===disable_train_benchmark===", 63: "log_iters:1;skip_iters:2;repeats:4"})
    assert chain.run("test_train_inference_python.sh", file, MODE).returncode == 0
    sentence = chain.run("benchmark_train.sh", file, "benchmark_train").stderr
    assert "has the section ===disable_train_benchmark===, which is not measured" in sentence
    file.write_text(file.read_text().replace("disable_train_benchmark", "train_benchmark_params"))
    assert chain.run("benchmark_train.sh", file, "benchmark_train").returncode == 0
    train = [call for call in chain.calls() if "--repeats=4" in call]
    assert train and not any("skip_iters" in call for call in train)


def test_short_files_and_windows_line_ends(chain):
    """Without the benchmark sections, as many files of other repositories end; with CRLF; `trainer:norm`."""
    file = chain.write({15: "trainer:norm"}, drop=range(53, 64))
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert chain.run("test_train_inference_python.sh", file, MODE).returncode == 0
    assert "train.py" in chain.calls()[0]
