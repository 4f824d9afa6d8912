"""deploy/onnx/infer.py: its preparation, its labels, its sentences."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import paddle
import paddleseg.transforms as T
import pytest
import yaml
from paddleseg.cvlibs import manager

from paddleseg_ext import cli
from paddleseg_ext.commands import export, predict
from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.models.resize import resize
from paddleseg_ext.pictures import image_list
from tests.deploy.conftest import ROOT, files_below, settle, small_config

NORMALIZE = {"type": "Normalize"}
IMAGENET = {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
RATIO = {"type": "ResizeByRatio", "base_size": [110, 70]}
PAD = {"type": "PadToSize", "target_size": [112, 112]}
BGR = {**NORMALIZE, "mean": [103.0, 116.0, 123.0], "std": [60.0, 60.0, 60.0], "scale": 1, "channel_order": "BGR"}
CUBIC = {"interpolation": "cubic"}
WINDOWS = {"is_slide": True, "crop_size": [64, 48], "stride": [40, 33]}


@pytest.fixture(scope="module")
def infer():
    """``deploy/onnx/infer.py`` as a module."""
    spec = importlib.util.spec_from_file_location("deploy_onnx_infer", ROOT / "deploy" / "onnx" / "infer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [NORMALIZE],
        [RATIO, IMAGENET],
        [IMAGENET, PAD],
        [RATIO, {**PAD, "im_padding_value": [127.5, 0, 3]}, NORMALIZE],
        [{"type": "Resize", "target_size": [90, 71]}, IMAGENET],
        [{"type": "Resize", "target_size": [90, 60], "keep_ratio": True, "size_divisor": 8}, RATIO, NORMALIZE],
        [{"type": "ResizeByLong", "long_size": 77}, NORMALIZE, {**PAD, "position": "center"}],
        [{**RATIO, "fit": "cover", "interpolation": "cubic"}, NORMALIZE, {"type": "PadToSize", "size_divisor": 8}],
        [{**RATIO, "fit": "stretch"}, {**NORMALIZE, "scale": 1}, {**PAD, "position": "center", "at_least": True}],
        [{"type": "Resize", "interp": "CUBIC", "target_size": [40, 50]}, {**PAD, "type": "Padding"}, NORMALIZE],
    ],
    ids=lambda steps: "+".join(step["type"] for step in steps) or "none",
)
def test_images_are_prepared_as_paddleseg_prepares_them(steps, infer):
    """Bit for bit."""
    for channels in (3, 1):
        if channels == 1:
            steps = [{key: value for key, value in step.items() if not isinstance(value, list) or len(value) == 2}
                     for step in steps]  # fmt: skip
        compose = T.Compose(
            [manager.TRANSFORMS[step["type"]](**{k: v for k, v in step.items() if k != "type"}) for step in steps],
            img_channels=channels,
        )
        for size in ((64, 96), (65, 49)):
            pixels = np.random.RandomState(0).randint(0, 256, (*size, channels)[: 3 if channels == 3 else 2], np.uint8)
            expected = compose({"img": pixels.astype("float32")})
            model = object.__new__(infer.Model)
            model.transforms, model.img_channels = steps, channels
            data = model.prepare(pixels)
            image = data.image.astype(np.float32).transpose(2, 0, 1)
            np.testing.assert_array_equal(image, expected["img"])
            assert data.steps == [(kind, tuple(size)) for kind, size in expected["trans_info"]]


@pytest.mark.parametrize("align_corners", [False, True])
def test_scores_are_resized_as_paddle_resizes_them(align_corners, infer):
    draw = np.random.RandomState(0)
    for have, want in (((5, 7), (40, 33)), ((40, 33), (5, 7)), ((1, 6), (9, 1)), ((8, 8), (8, 8)), ((3, 2), (1, 1))):
        scores = draw.normal(size=(4, *have)).astype(np.float32)
        expected = resize(paddle.to_tensor(scores[np.newaxis]), want, align_corners).numpy()[0]
        np.testing.assert_allclose(infer.resized(scores, want, align_corners), expected, rtol=0, atol=1e-5)


# What val_dataset does to images, test_config, and what auto makes of the two.
PROTOCOLS = {
    "padded": ([NORMALIZE, PAD], {}, "argmax"),
    "resized once": ([RATIO, NORMALIZE], {"resize_once": True}, "features"),
    "resized windows": ([RATIO, NORMALIZE], {**WINDOWS, "align_corners": True}, "none"),
    "cubic": ([{**RATIO, "fit": "cover"}, BGR, {"type": "PadToSize", "size_divisor": 8}], CUBIC, "none"),
    "padded all round": ([BGR, {**PAD, "position": "center"}], {}, "argmax"),
}


@pytest.fixture(scope="module")
def exported(project, onnx_packages):
    """Words that name a YAML, weights, and the ONNX file made of both, by the name of the protocol; made once each."""
    done = {}

    def make(name):
        if name not in done:
            steps, test_config, _ = PROTOCOLS[name]
            config = small_config("ssseg")
            config["val_dataset"]["transforms"] = steps
            config["test_config"] = {key: value for key, value in test_config.items() if key != "align_corners"}
            config["model"]["align_corners"] = test_config.get("align_corners", False)
            path, weights = project / "onnx.yml", project / "onnx.pdparams"
            path.write_text(yaml.safe_dump(config))
            if not weights.exists():
                paddle.seed(2)
                model = Builder(load_config(path), pretrained=False).build("model")
                settle(model)
                paddle.save(model.state_dict(), str(weights))
            words = ["--config", str(path), "--model_path", str(weights)]
            folder = project / f"onnx {name}"
            assert cli.run(export.main, [*words, "--save_dir", str(folder), "--format", "onnx"]) == 0
            photos = ["--image_path", str(project / "photos"), "--save_dir", str(folder / "predict")]
            assert cli.run(predict.main, [*words, *photos, "--device", "cpu"]) == 0
            done[name] = folder / "model.onnx"
        return done[name]

    return make


@pytest.mark.parametrize("name", PROTOCOLS)
def test_labels_are_those_of_predict(name, exported, infer, project, tmp_path):
    model = exported(name)
    assert infer.Model(str(model)).output_op == PROTOCOLS[name][2]
    words = ["--model", str(model), "--image_path", str(project / "photos"), "--save_dir", str(tmp_path)]
    assert infer.main(words) == 0
    written = files_below(model.parent / "predict")
    assert sorted(files_below(tmp_path)) == sorted(written)
    seen = set()
    for file in (file for file in written if not file.startswith("added_prediction")):
        predicted, inferred = (cv2.imread(str(way / file)) for way in (model.parent / "predict", tmp_path))
        assert predicted.shape == inferred.shape
        # onnxruntime rounds otherwise: a tie may fall the other way, and nothing else.
        assert np.mean((predicted != inferred).any(axis=2)) < 1e-3
        seen.update(np.unique(inferred))
    assert len(seen) > 2


def test_infer_needs_numpy_opencv_and_onnxruntime_only(exported, project, tmp_path):
    model = shutil.copy(exported("resized windows"), tmp_path)
    script = shutil.copy(ROOT / "deploy/onnx/infer.py", tmp_path)
    code = (
        "import runpy, sys\n"
        "class Only:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        allowed = ('numpy', 'cv2', 'onnxruntime', *sys.stdlib_module_names)\n"
        "        if name.partition('.')[0] not in allowed: raise ImportError(f'{name} is not allowed', name=name)\n"
        "sys.meta_path.insert(0, Only())\n"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    if sys.version_info < (3, 10):
        pytest.skip("Python 3.9 does not list the modules of its standard library")
    words = ["--model", model, "--image_path", str(project / "photos/a.png"), "--save_dir", str(tmp_path / "out")]
    command = [sys.executable, "-c", code, script, *words, "--cpu_threads", "1", "--benchmark"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "1 image segmented" in done.stdout
    assert done.stdout.splitlines()[-2].split()[:3] == ["images", "pre", "ms"]
    assert len(files_below(tmp_path / "out")) == 3


def test_an_image_of_another_size_than_a_fixed_one_is_named(exported, infer, project, tmp_path, capfd):
    changes = {"input_shape": [1, 3, 64, 96], "transforms": [NORMALIZE]}
    fixed = with_settings(exported("padded"), tmp_path / "fixed.onnx", **changes)
    words = ["--model", fixed, "--save_dir", str(tmp_path / "out"), "--image_path"]
    assert infer.main([*words, str(project / "photos/a.png")]) == 0
    assert infer.main([*words, str(project / "photos/deep/er/c.bmp")]) == 1
    assert "c.bmp: it, or a window of it, is 3x65x49 (C, H, W)" in capfd.readouterr().err


def with_settings(model, path, **changes) -> str:
    """A copy of a model that says something else about itself."""
    onnx = importlib.import_module("onnx")
    graph = onnx.load(model)
    (entry,) = graph.metadata_props
    if changes:
        entry.value = json.dumps({**json.loads(entry.value), **changes})
    else:
        del graph.metadata_props[:]
    onnx.save(graph, str(path))
    return str(path)


BAD_SETTINGS = {
    "of another origin": ({}, "does not describe how to prepare images"),
    "unknown transform": ({"transforms": [{"type": "Blur"}]}, "the transform Blur, which this program does not have"),
    "by chance": ({"transforms": [{**RATIO, "min_ratio": 0.5}]}, "a.png: the transform ResizeByRatio draws its ratio"),
    "too large": ({"transforms": [{**PAD, "target_size": [40, 40]}]}, "a.png: it is 96x64 pixels"),
    "averaged": ({"test_config": {"aug_eval": True}}, "averages over scales or mirrored images"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_model_that_cannot_be_followed_is_one_sentence(case, exported, infer, project, tmp_path, capfd):
    changes, sentence = BAD_SETTINGS[case]
    model = with_settings(exported("padded"), tmp_path / "model.onnx", **changes)
    words = ["--model", model, "--image_path", str(project / "photos/a.png"), "--save_dir", str(tmp_path / "out")]
    assert_one_sentence(infer.main(words), sentence, capfd)
    assert not (tmp_path / "out").exists()


def test_it_looks_for_the_images_that_predict_looks_for(infer, project, tmp_path, capfd):
    assert (infer.SUFFIXES, infer.OTHER_SUFFIXES) == (image_list.SUFFIXES, image_list.OTHER_SUFFIXES)
    pixels = cv2.imread(str(project / "photos/a.png"))
    for name in ("a.webp", "b.tif", "c.png"):
        assert cv2.imwrite(str(tmp_path / name), pixels)
    (tmp_path / "d.heic").write_bytes(b"no image")
    found = infer.find_images(str(tmp_path))
    assert found == [(image.path, image.name) for image in image_list.find_images(tmp_path)]
    assert [name for _, name in found] == ["a", "b", "c"]
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning")]
    assert f"left out, because OpenCV {cv2.__version__} cannot read: {tmp_path / 'd.heic'};" in line


BAD_WORDS = {
    "no model": (["--model", "{tmp}/none.onnx"], "none.onnx does not exist"),
    "no ONNX": (["--model", "{tmp}/text.txt"], "text.txt cannot be read as an ONNX model"),
    "no image": (["--image_path", "{tmp}/none.png"], "none.png does not exist"),
    "not an image": (["--image_path", "{tmp}/text.png"], "text.png is not an image that OpenCV"),
    "half an image": (["--image_path", "{tmp}/half.png"], "half.png cannot be read as an image"),
    "list of what is not there": (["--image_path", "{tmp}/text.txt"], "does not exist; correct the list"),
    "empty folder": (["--image_path", "{tmp}/empty"], "holds no .jpeg"),
    "file in the way": (["--save_dir", "{tmp}/text.txt"], "text.txt is a file"),
    "threads": (["--cpu_threads", "0"], "--cpu_threads"),
    "flag": (["--batch", "2"], "--batch"),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_input_is_one_sentence_and_harms_nothing(case, exported, infer, project, tmp_path, capfd):
    more, sentence = BAD_WORDS[case]
    for name in ("text.txt", "text.png"):
        (tmp_path / name).write_text("words")
    (tmp_path / "half.png").write_bytes((project / "photos/a.png").read_bytes()[:60])
    (tmp_path / "empty").mkdir()
    before = files_below(tmp_path)
    words = ["--model", str(exported("padded")), "--image_path", str(project / "photos")]
    words += ["--save_dir", str(tmp_path / "out"), *(word.format(tmp=tmp_path) for word in more)]
    assert_one_sentence(infer.main(words), sentence, capfd)
    assert files_below(tmp_path) == before


def assert_one_sentence(code, sentence, capfd):
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("libpng")]
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert sentence in lines[0]


def test_a_runtime_without_cuda_is_one_sentence(exported, infer, project, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(infer.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    words = ["--model", str(exported("padded")), "--image_path", str(project / "photos"), "--device", "gpu"]
    assert_one_sentence(infer.main([*words, "--save_dir", str(tmp_path / "out")]), "install onnxruntime-gpu", capfd)


@pytest.mark.parametrize(
    ("package", "raised", "sentence"),
    [
        (
            "onnxruntime",
            "ModuleNotFoundError('no', name='onnxruntime')",
            "onnxruntime is not installed; run: python -m pip install numpy opencv-python onnxruntime",
        ),
        (
            "cv2",
            "ImportError('libGL.so.1: cannot open shared object file')",
            "numpy, OpenCV and onnxruntime cannot all be imported (libGL.so.1: cannot open shared object file); in "
            "a new virtual environment run: python -m pip install numpy opencv-python-headless onnxruntime",
        ),
    ],
    ids=["missing", "unusable"],
)
def test_a_missing_or_unusable_package_is_one_sentence_with_the_cure(package, raised, sentence, tmp_path):
    (tmp_path / f"{package}.py").write_text(f"raise {raised}")
    command = [sys.executable, str(ROOT / "deploy/onnx/infer.py"), "--help"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 1
    assert done.stderr == f"error: {sentence}\n"
