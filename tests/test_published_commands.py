"""The command lines printed by PSANet_paddle and in PaddleSeg's documents are taken; what is not, with its reason."""

import shlex

import pytest

from paddleseg_ext.errors import UserError
from tests.test_documents import script

PSANET = "--config configs/psanet/psanet_resnet50_os8_cityscapes_1024x512_80k.yml"
TRAINED = "--config my.yml --model_path output/best_model/model.pdparams"
PUBLISHED = {
    "train": f"""
        {PSANET} --do_eval --use_vdl --log_iter 100 --save_interval 4000 --save_dir output
        {PSANET} --do_eval --use_vdl --log_iter 100 --save_interval 1000 --save_dir output
        --config my.yml --save_dir out --save_interval 1000 --num_workers 3 --do_eval --use_vdl
        --config my.yml --save_dir o --save_interval 1000 --num_workers 4 --log_iters 100 --use_ema --do_eval --use_vdl
        --config my.yml --log_iters 200 --num_workers 12 --save_interval 13345 --keep_checkpoint_max 20 --save_dir out
        --config my.yml --do_eval --use_vdl --save_interval 250 --num_workers 3 --seed 0 --save_dir out
        --config my.yml --do_eval --use_vdl --save_interval 500 --save_dir output
        --config my.yml --resume_model output/iter_500 --do_eval --use_vdl --save_interval 500 --save_dir output
        --config my.yml --precision fp16 --amp_level O2 --do_eval --save_interval 500 --seed 100 --save_dir=o --iters=5
        --config my.yml --do_eval --save_interval 500 --seed 100 --save_dir=out --iters=50 --batch_size=2
    """,
    "val": f"""
        {PSANET} --model_path {{your_model_path}}
        {TRAINED}
        {TRAINED} --num_workers 3
        {TRAINED} --aug_eval --scales 0.75 1.0 1.25 --flip_horizontal
        {TRAINED} --is_slide --crop_size 256 256 --stride 128 128
    """,
    "predict": f"""
        {TRAINED} --image_path photo.jpg --save_dir output/result
        {TRAINED} --image_path photo.jpg --save_dir output/result --custom_color 0 0 0 255 255 255
        {TRAINED} --image_path photo.jpg --save_dir output/result --custom_color 0 0 0 100 100 100 200 200 200
    """,
    "export": f"""
        {TRAINED}
        {TRAINED} --save_dir output/inference_model
        --for_fd --config my.yml --model_path=output/best_model/model.pdparams --save_dir=output/inference_model
    """,
    "deploy/python/infer": """
        --config output/deploy.yaml --image_path photo.jpg
        --config output/deploy.yaml --image_path photo.jpg --save_dir output
        --config output/deploy.yaml --image_path photo.jpg --with_argmax --use_trt False
        --device=cpu --enable_mkldnn=True --cpu_threads=1 --config=out//deploy.yaml --batch_size=1 --image_path=a.txt \
            --benchmark=True --precision=fp32 --save_dir=out
        --device=cpu --enable_mkldnn=True --cpu_threads=6 --config=out//deploy.yaml --batch_size=1 --image_path=a.list \
            --benchmark=True --precision=int8 --save_dir=out --model_name=fcn_hrnetw18
        --device=cpu --config=quant_model/deploy.yaml --batch_size=1 --image_path=a.png --benchmark=True
        --device=gpu --config=quant_model/deploy.yaml --batch_size=1 --image_path=a.png --benchmark=True
    """,
}
LINES = [(name, line.strip()) for name, text in PUBLISHED.items() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("name", "line"), LINES)
def test_taken(name, line):
    words = shlex.split(line)
    flags = vars(script(name).parse(words))
    # All that was written has arrived: nothing is at its default by mistake.
    given = {word.split("=")[0][2:] for word in words if word.startswith("--")} - {"use_trt"}
    assert len(given) == sum(any(name.startswith(word) for name in flags) for word in given)
    assert flags["config"] == next(word for word in words if word.endswith((".yml", ".yaml"))).removeprefix("--config=")


NOT_TAKEN = {
    ("train", "--config my.yml --do_eval --use_multilabel"): "work with one label per pixel",
    ("val", f"{TRAINED} --use_multilabel"): "work with one label per pixel",
    ("predict", f"{TRAINED} --image_path a.jpg --use_multilabel"): "work with one label per pixel",
    # Of another script, PaddleSeg's deploy/slim/distill/distill_train.py.
    ("train", "--teather_config t.yml --student_config s.yml --do_eval"): "does not know --teather_config",
}


@pytest.mark.parametrize(("name", "line"), NOT_TAKEN)
def test_not_taken(name, line):
    with pytest.raises(UserError, match=NOT_TAKEN[name, line]):
        script(name).parse(shlex.split(line))
