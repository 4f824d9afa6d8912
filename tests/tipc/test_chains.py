"""The chains: which commands run, how the log and the exit code tell of them."""

import re

import pytest

from tests.tipc.conftest import TIPC

MODE = "lite_train_lite_infer"
SCRIPT = "test_train_inference_python.sh"


def verdicts(log: str) -> list:
    return re.findall(
        r"\033\[33m Run (successfully|failed) with command - psanet - python (\S+) .* - \S+  \033\[0m\n", log
    )


def test_every_step_is_logged(chain):
    done = chain.run(SCRIPT, chain.write(), MODE)
    assert done.returncode == 0, done.stderr
    log = chain.log()
    assert verdicts(log) == [("successfully", name) for name in ("train.py", "val.py", "export.py", *["infer.py"] * 8)]
    folder = f"./test_tipc/output/psanet/{MODE}/norm_train_gpus_-1_autocast_fp32"
    train, evaluate, export, infer = chain.calls()[:4]
    assert train == f"train.py --device=cpu --save_dir={folder} --iters=10 --precision=fp32 --batch_size=2"
    assert evaluate == f"val.py --model_path={folder}/best_model/model.pdparams --device=cpu"
    assert export == f"export.py --model_path={folder}/best_model/model.pdparams --save_dir={folder}"
    assert infer == (
        "infer.py --device=cpu --enable_mkldnn=True --cpu_threads=1 --batch_size=1 --precision=fp32 "
        f"--config={folder}/deploy.yaml --image_path=val.list --benchmark=True "
        f"--save_dir={folder}/python_infer_cpu_usemkldnn_True_threads_1_precision_fp32_batchsize_1_results "
        "--model_name=psanet"
    )
    combinations = {tuple(re.findall(r"(?:mkldnn|threads|batch_size)=(\w+)", call)) for call in chain.calls()[3:]}
    assert combinations == {
        (onednn, threads, batch) for onednn in ("True", "False") for threads in "12" for batch in "12"
    }
    assert "Skipped - psanet - inference on the GPU: this machine, or its Paddle, has none" in log
    # A second run adds to the log.
    assert chain.run(SCRIPT, chain.write(), MODE).returncode == 0
    assert len(verdicts(chain.log())) == 22


@pytest.mark.parametrize(
    ("broken", "good", "reported"),
    (
        ("train", [], "evaluation, export and inference of norm_train_gpus_-1_autocast_fp32: its training failed"),
        ("val", ["train.py", "export.py", *["infer.py"] * 8], ""),
        ("export", ["train.py", "val.py"], "inference of norm_train_gpus_-1_autocast_fp32: its export failed"),
        ("infer", ["train.py", "val.py", "export.py"], ""),
    ),
)
def test_a_failed_step(chain, broken, good, reported):
    done = chain.run(SCRIPT, chain.write(), MODE, BREAK=broken)
    assert done.returncode == 1
    found = verdicts(chain.log())
    assert [name for verdict, name in found if verdict == "successfully"] == good
    assert {name for verdict, name in found if verdict == "failed"} == {f"{broken}.py"}
    assert reported in chain.log()
    assert f"{broken} was made to fail" in done.stdout


def test_several_processes_and_cards(chain):
    file = chain.write({4: f"gpu_list:-1,-1|0|{','.join(map(str, range(64)))}", 5: "--device:cpu|gpu|gpu"})
    assert chain.run(SCRIPT, file, MODE).returncode == 0
    train = chain.calls()[0]
    assert train.startswith(
        "-m paddle.distributed.launch --nproc_per_node 2 --backend gloo --log_dir ./test_tipc/output/"
    )
    assert "train.py --device=cpu" in train
    log = chain.log()
    assert (
        "Skipped - psanet - norm_train_gpus_0_autocast_fp32: it needs 1 GPU, and this machine with its Paddle has 0"
        in log
    )
    assert "it needs 64 GPU" in log


def test_where_there_are_cards(chain):
    chain.pretend_cards(2)
    file = chain.write({4: "gpu_list:1|0,1", 5: "--device:gpu", 6: "--precision:fp16"})
    assert chain.run(SCRIPT, file, MODE).returncode == 0
    calls = [call for call in chain.calls() if "enable_mkldnn" not in call]
    names = [re.search(r"(\w+)\.py", call)[1] for call in calls]
    assert names == ["train", "val", "export", "infer", "infer"] * 2
    assert calls[0].startswith("1 train.py --device=gpu") and "--precision=fp16" in calls[0]
    assert calls[5].startswith(" -m paddle.distributed.launch --gpus=0,1 --log_dir")
    assert "python_infer_gpu_usetrt_null_precision_fp32_batchsize_2_results" in calls[4]
    assert not {"--cpu_threads", "--use_trt"} & {word.split("=")[0] for word in calls[4].split()}
    done = chain.run("benchmark_train.sh", chain.write(), "benchmark_train", "dynamic_bs2_fp16_DP_N1C2")
    assert done.returncode == 0
    assert "--gpus=0,1" in chain.calls()[-1] and "--device=gpu" in chain.calls()[-1]
    assert (
        "fp16_DP_N1C4: it needs 4 GPU"
        in chain.run("benchmark_train.sh", chain.write(), "benchmark_train", "dynamic_bs2_fp16_DP_N1C4").stdout
    )


def test_nothing_run_is_no_success(chain):
    done = chain.run(SCRIPT, chain.write({4: "gpu_list:0"}), MODE)
    assert done.returncode == 1
    assert "no step was run, so nothing was tested" in done.stderr
    done = chain.run(SCRIPT, chain.write({6: "--precision:fp16"}), MODE)
    assert done.returncode == 1
    assert "norm_train_gpus_-1_autocast_fp16: fp16 needs a GPU" in chain.log()


def test_a_file_for_cards_that_names_no_device_runs_on_the_cpu_where_there_is_none(chain):
    """As PSANet_paddle's, whose line 5 is null."""
    lines = {4: "gpu_list:0|0,1", 5: "Global.use_gpu:null|null", 6: "--precision:null", 15: "trainer:norm"}
    done = chain.run(SCRIPT, chain.write(lines), MODE)
    assert done.returncode == 0, done.stderr
    assert "There is no GPU here, so gpu_list:0|0,1 is run on the CPU, as -1|-1,-1." in done.stdout
    one, two = (call for call in chain.calls() if "train.py" in call)
    assert one.startswith("train.py --save_dir=./test_tipc/output/")
    assert "--nproc_per_node 2 --backend gloo" in two and "--device" not in one + two
    assert len([call for call in chain.calls() if "infer.py" in call]) == 16
    # Where there are cards they are used; where the file has entries for the CPU they are enough.
    assert chain.run(SCRIPT, chain.write({**lines, 4: "gpu_list:-1|0"}), MODE).returncode == 0
    assert "norm_gpus_0_autocast_null: it needs 1 GPU" in chain.log()
    chain.pretend_cards(2)
    assert "There is no GPU" not in chain.run(SCRIPT, chain.write(lines), MODE).stdout
    assert any("--gpus=0,1" in call for call in chain.calls())


def test_null_leaves_out(chain):
    file = chain.write({24: "eval:null", 30: "norm_export:null", 9: "--batch_size:null", 13: "null:null"})
    assert chain.run(SCRIPT, file, MODE).returncode == 0
    assert [call.split()[0] for call in chain.calls()] == ["train.py"]
    assert "--batch_size" not in chain.calls()[0]


def test_words_in_quotes(chain):
    file = chain.write(
        {16: "norm_train:train.py --opts 'a=b c' --x \"y z\"", 13: "--profiler_options:'batch_range=[1,2];state=CPU'"}
    )
    (chain.root / "train.py").write_text("import sys\nprint(sys.argv)\n")
    out = chain.run(SCRIPT, file, MODE).stdout
    assert "'--opts', 'a=b c', '--x', 'y z'" in out and "'--profiler_options=batch_range=[1,2];state=CPU'" in out


def test_whole_infer(chain):
    file = chain.write()
    assert "weights/model.pdparams does not exist; run bash test_tipc/prepare.sh" in chain.refused(
        SCRIPT, file, "whole_infer"
    )
    weights = chain.root / "test_tipc/output/psanet/weights/model.pdparams"
    weights.parent.mkdir(parents=True)
    weights.write_text("weights")
    assert chain.run(SCRIPT, file, "whole_infer").returncode == 0
    assert [call.split()[0] for call in chain.calls()] == ["export.py", *["infer.py"] * 8]
    assert "--save_dir=./test_tipc/output/psanet/weights" in chain.calls()[0]
    assert chain.run(SCRIPT, file, "whole_infer", BREAK="export").returncode == 1
    assert "inference of ./test_tipc/output/psanet/weights/model.pdparams: its export failed" in chain.log(
        "whole_infer"
    )


def test_data_of_another_mode(chain):
    data = chain.root / "test_tipc" / "data"
    data.mkdir()
    (data / "val.list").write_text("picture.png\n")
    file = chain.write({12: "train_infer_img_dir:./test_tipc/data/val.list"})
    assert "was prepared for nothing; run bash test_tipc/prepare.sh tipc.txt" in chain.refused(SCRIPT, file, MODE)
    (data / "prepared_for").write_text("whole_infer\n")
    assert "was prepared for whole_infer" in chain.refused(SCRIPT, file, MODE)
    (data / "prepared_for").write_text(f"{MODE}\n")
    assert chain.run(SCRIPT, file, MODE).returncode == 0


def test_from_another_folder(chain):
    file = chain.write()
    done = chain.bash(f"cd programs && bash ../test_tipc/{SCRIPT} ../{file.name} {MODE}")
    assert done.returncode == 0, done.stderr
    assert len(verdicts(chain.log())) == 11


def test_benchmark(chain):
    file = chain.write()
    done = chain.run("benchmark_train.sh", file, "benchmark_train")
    assert done.returncode == 0, done.stderr
    log = chain.log("benchmark_train", "benchmark_train.log")
    assert "Skipped - psanet - psanet_bs2_fp16_DP_N1C1: fp16 needs a GPU" in log
    # Lines 3 and 4 of the log, 3 and 4 images a second: 2 / (1/3 + 1/4).
    assert re.search(
        r"psanet_bs2_fp32_DP_N1C1: 3\.429 images/s in 2 log lines, loss 3\.6000, peak memory of a process \d+ MB",
        done.stdout,
    )
    train = next(call for call in chain.calls() if call.startswith("train.py"))
    assert "--log_iters=1 --repeats=4" in train and "--iters=8" in train and "--batch_size=2" in train
    assert not any(call.startswith(("val.py", "export.py")) for call in chain.calls())


def test_benchmark_in_the_middle_without_its_last_line(chain):
    """As PaddleSeg's own files have it."""
    file = chain.write()
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:52] + lines[56:62] + lines[52:54]) + "\n")
    assert chain.run("benchmark_train.sh", file, "benchmark_train").returncode == 0
    assert "--repeats" not in next(call for call in chain.calls() if call.startswith("train.py"))


def test_benchmark_as_asked(chain):
    done = chain.run("benchmark_train.sh", chain.write(), "benchmark_train", "dynamicTostatic_bs4_fp32_DP_N1C2")
    assert done.returncode == 0, done.stderr
    train = next(call for call in chain.calls() if "train.py" in call)
    assert "--nproc_per_node 2" in train and "--to_static_training" in train and "--batch_size=4" in train
    assert "psanet_d2sT_bs4_fp32_DP_N1C2: 6.857 images/s" in done.stdout
    assert chain.run("benchmark_train.sh", chain.write(), "benchmark_train", BREAK="train").returncode == 1
    assert "is not like dynamic_bs2_fp32" in chain.refused(
        "benchmark_train.sh", chain.write(), "benchmark_train", "bs2"
    )


def test_dynamic_and_static(chain):
    source = TIPC / "configs" / "psanet" / "train_dy2static_python.txt"
    steps = {
        12: "train_infer_img_dir:val.list",
        16: "norm_train:train.py",
        11: "train_model_name:best_model/model.pdparams",
    }
    file = chain.write(steps, source)
    done = chain.run("test_train_dy2static_python.sh", file)
    assert done.returncode == 0, done.stderr
    assert "Assert allclose passed!" in done.stdout
    done = chain.run("test_train_dy2static_python.sh", file, STATIC_ERROR="0.1")
    assert done.returncode == 1
    assert "Assert allclose failed! loss at iteration 1 is 4.0000" in done.stdout


def test_onnx(chain):
    source = TIPC / "configs" / "psanet" / "model_linux_gpu_normal_normal_paddle2onnx_python_linux_cpu.txt"
    file = chain.write(
        {4: "2onnx:export.py --format onnx", 11: "inference:infer.py", 13: "--image_path:val.list"}, source
    )
    assert "line 5: ./test_tipc/output/psanet/weights/model.pdparams does not exist" in chain.refused(
        "test_paddle2onnx.sh", file
    )
    weights = chain.root / "test_tipc/output/psanet/weights/model.pdparams"
    weights.parent.mkdir(parents=True)
    weights.write_text("weights")
    assert chain.run("test_paddle2onnx.sh", file).returncode == 0
    log = chain.log("paddle2onnx_infer", "results_paddle2onnx.log")
    assert verdicts(log) == [("successfully", "export.py"), ("successfully", "infer.py")]
    done = chain.run("test_paddle2onnx.sh", file, BREAK="export")
    assert done.returncode == 1
    assert "inference with ONNX Runtime: the conversion failed" in done.stdout
