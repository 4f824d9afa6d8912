"""train.py from the command line to the files it leaves."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from visualdl import LogReader

from paddleseg_ext.commands import train, val
from paddleseg_ext.files import download
from paddleseg_ext.weights import pretrained
from tests.commands.running import call, figures

REPOSITORY = Path(__file__).resolve().parents[2]
CITYSCAPES = "configs/psanet/psanet_resnet50_os8_cityscapes_1024x512_80k.yml"


def test_train_then_evaluate(scenes, capsys):
    out = scenes / "out"
    flags = ["--do_eval", "--use_vdl", "--use_ema", "--log_iters", "2", "--save_interval", "3", "--seed", "1"]
    assert call(train.main, "--config", scenes / "config.yml", "--save_dir", out, *flags) == 0
    text = capsys.readouterr().out
    line = re.search(
        r"\[TRAIN\] epoch: 1, iter: 4/6, loss: \d\.\d{4}, lr: 0\.\d{6}, batch_cost: \d+\.\d{4}, "
        r"reader_cost: \d+\.\d{5}, ips: \d+\.\d{4} samples/sec \| ETA \d\d:\d\d:\d\d",
        text,
    )
    assert line, text
    for name in ("iter_3", "iter_6"):
        files = {path.name for path in (out / name).iterdir()}
        assert files == {"model.pdparams", "model.pdopt", "ema_model.pdparams", "trainer.json"}
    state = json.loads((out / "iter_6/trainer.json").read_text())
    best = re.findall(r"\[EVAL\] The model with the best validation mIoU \(([\d.]+)\) was saved at iter (\d)", text)[-1]
    assert best == (f"{state['best_mean_iou']:.4f}", str(state["best_iter"]))
    assert (out / "ema_best_model/ema_model.pdparams").is_file()

    (record,) = out.glob("vdlrecords*")
    tags = LogReader(file_path=str(record)).get_tags()
    scalars = {"Train/loss", "Train/loss_0", "Train/loss_1", "Train/lr", "Train/batch_cost", "Train/reader_cost"}
    scalars |= {"Evaluate/mIoU", "Evaluate/Acc", "Evaluate/Ema_mIoU", "Evaluate/Ema_Acc"}
    assert scalars == set(tags["scalar"])
    assert tags["image"] == [f"Evaluate/sample_{index}" for index in range(3)]

    assert call(val.main, "--config", scenes / "config.yml", "--model_path", out / "best_model") == 0
    (alone,) = figures(capsys.readouterr().out)
    assert alone[0] == best[0]
    assert alone == figures(text)[0 if best[1] == "3" else 2]


def test_static_training_gives_the_same_losses(scenes, capsys):
    losses = []
    for flags in ([], ["--to_static_training"]):
        out = scenes / f"out{len(losses)}"
        arguments = ["--config", scenes / "config.yml", "--save_dir", out, "--log_iters", 1, "--seed", 2]
        assert call(train.main, *arguments, "--iters", 3, *flags) == 0
        losses.append([float(value) for value in re.findall(r"loss: ([\d.]+)", capsys.readouterr().out)])
    np.testing.assert_allclose(losses[0][0], losses[1][0], atol=2e-4)
    assert len(losses[0]) == len(losses[1]) == 3


def test_profile(scenes, capsys):
    options = f"batch_range=[1,2];state=CPU;profile_path={scenes / 'profile'}"
    arguments = ["--config", scenes / "config.yml", "--save_dir", scenes / "out", "--log_iters", 1]
    assert call(train.main, *arguments, "--profiler_options", options) == 0
    assert list((scenes / "profile").glob("*.json"))
    assert "iter: 2/6" in capsys.readouterr().out


def test_ctrl_c_saves_and_says_how_to_go_on(scenes):
    command = [sys.executable, "train.py", "--config", str(scenes / "config.yml"), "--save_dir", str(scenes / "out")]
    command += ["--iters", "100000", "--log_iters", "1"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "iter: 2/" in line:
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    found = re.search(r"stopped: iteration (\d+) of 100000 is saved in (\S+); continue with --resume_model", err)
    assert found, err
    folder = Path(found[2])
    assert folder.name == f"iter_{found[1]}"
    assert {path.name for path in folder.iterdir()} == {"model.pdparams", "model.pdopt", "trainer.json"}


def test_two_processes_train_as_one_with_the_double_batch(scenes, tmp_path):
    logs = tmp_path / "logs"
    launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo"]
    launch += ["--log_dir", str(logs)]
    flags = ["--config", str(scenes / "config.yml"), "--save_dir", str(scenes / "out"), "--device", "cpu"]
    flags += ["--iters", "4", "--save_interval", "2", "--log_iters", "1", "--do_eval", "--seed", "1"]
    done = subprocess.run(
        [sys.executable, *launch, "train.py", *flags], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    text = done.stdout + "".join(path.read_text(errors="replace") for path in sorted(logs.glob("workerlog.*")))
    assert done.returncode == 0, text + done.stderr
    state = json.loads((scenes / "out/iter_4/trainer.json").read_text())
    assert len(state["random_states"]) == 2
    # Eight samples make two iterations an epoch for two processes of batch 2.
    assert re.search(r"epoch: 2, iter: 3/4", text)
    # Three validation samples on two processes: the one that fills up the last step must not count.
    mean_iou = state["best_mean_iou"]
    assert call(val.main, "--config", scenes / "config.yml", "--model_path", scenes / "out/best_model") == 0
    assert f"({mean_iou:.4f})" in text


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    """A folder with Cityscapes' layout and file names: three training and two validation images."""
    root = tmp_path / "cityscapes"
    rng = np.random.RandomState(0)
    for split, city, count in (("train", "aachen", 3), ("val", "frankfurt", 2)):
        for index in range(count):
            stem = f"{split}/{city}/{city}_{index:06d}_000019"
            image = root / "leftImg8bit" / f"{stem}_leftImg8bit.png"
            label = root / "gtFine" / f"{stem}_gtFine_labelTrainIds.png"
            for path in (image, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), rng.randint(0, 256, (64, 128, 3)).astype(np.uint8))
            cv2.imwrite(str(label), rng.choice([*range(19), 255], (64, 128)).astype(np.uint8))
    return root


def cityscapes_command(root: Path, save_dir: Path) -> list:
    return [
        *("--config", REPOSITORY / CITYSCAPES, "--do_eval", "--iters", 2, "--batch_size", 1),
        *("--save_dir", save_dir, "--log_iters", 1, "--opts"),
        *(f"train_dataset.dataset_root={root}", f"val_dataset.dataset_root={root}"),
    ]


# What PSANet_paddle's README prints; what follows is the place of the data, and smaller numbers.
PUBLISHED = {
    "train": f"--config {CITYSCAPES} --do_eval --use_vdl --log_iter 100 --save_interval 4000 --save_dir output",
    "launch": f"--config {CITYSCAPES} --do_eval --use_vdl --log_iter 100 --save_interval 1000 --save_dir output",
    "val": f"--config {CITYSCAPES} --model_path",
}


def smaller(root: Path, save_dir: Path, iters: int) -> list:
    """Published crops of 1024x512 take minutes on a CPU."""
    words = ["--save_dir", str(save_dir), "--iters", str(iters), "--batch_size", "1", "--log_iters", "1", "--opts"]
    words += ["model.backbone.pretrained=null", "train_dataset.transforms.1.crop_size=[64,64]"]
    return [*words, f"train_dataset.dataset_root={root}", f"val_dataset.dataset_root={root}"]


def test_published_commands_on_cityscapes_layout(cityscapes, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    out = tmp_path / "out"
    assert call(train.main, *PUBLISHED["train"].split(), *smaller(cityscapes, out, 2)) == 0
    text = capsys.readouterr().out
    assert "iter: 2/2" in text
    assert re.search(r"^traffic light +[\da]", text, re.MULTILINE)
    assert list(out.glob("vdlrecords*"))
    roots = ["--opts", f"train_dataset.dataset_root={cityscapes}", f"val_dataset.dataset_root={cityscapes}"]
    assert call(val.main, *PUBLISHED["val"].split(), out / "best_model/model.pdparams", *roots) == 0
    assert figures(capsys.readouterr().out) == figures(text)


def test_published_launch_on_cityscapes_layout(cityscapes, tmp_path):
    """With gloo, as there is no card."""
    launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo"]
    command = [sys.executable, *launch, "--log_dir", str(tmp_path / "logs"), "train.py", *PUBLISHED["launch"].split()]
    thin = "model.backbone={'type':'ResNet18_vd','output_stride':8}"
    command += ["--device", "cpu", *smaller(cityscapes, tmp_path / "out", 1), thin, "model.feats_channels=32"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    text = "".join(path.read_text(errors="replace") for path in sorted((tmp_path / "logs").glob("workerlog.*")))
    assert done.returncode == 0, text + done.stderr
    assert "iter: 1/1" in text
    assert len(json.loads((tmp_path / "out/iter_1/trainer.json").read_text())["random_states"]) == 2
    assert (tmp_path / "out/best_model/model.pdparams").is_file()


def test_without_a_network_it_says_which_file_and_where_to_put_it(cityscapes, tmp_path, capsys, monkeypatch):
    def no_network(*arguments, **unused):
        raise OSError("no network")

    monkeypatch.setattr(download.urllib.request, "urlopen", no_network)
    monkeypatch.setattr(pretrained.seg_env, "PRETRAINED_MODEL_HOME", str(tmp_path / "home"))
    start = time.monotonic()
    assert call(train.main, *cityscapes_command(cityscapes, tmp_path / "out")) == 1
    assert time.monotonic() - start < 60
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert "could not fetch https://bj.bcebos.com/paddleseg/dygraph/resnet50_vd_ssld_v2.tar.gz (no network)" in sentence
    place = tmp_path / "home/resnet50_vd_ssld_v2/model.pdparams"
    assert f"put its model.pdparams at {place}" in sentence
    assert "--opts model.backbone.pretrained=null" in sentence
    assert not (tmp_path / "out").exists()
    assert not any((tmp_path / "home").iterdir())


def test_cityscapes_image_without_label(cityscapes, tmp_path, capsys):
    os.remove(cityscapes / "gtFine/train/aachen/aachen_000001_000019_gtFine_labelTrainIds.png")
    assert call(train.main, *cityscapes_command(cityscapes, tmp_path / "out")) == 1
    assert "aachen_000001_000019_leftImg8bit.png has no label gtFine/train/aachen" in capsys.readouterr().err
