"""The test protocols of the published rows against the peers' own code, and their figures."""

import cv2
import numpy as np
import paddle
import paddle.nn.functional as F
import paddleseg.transforms as T
import pytest
from paddle import nn
from paddleseg.utils import logger

from paddleseg_ext.engine.evaluate import evaluate
from paddleseg_ext.models.resize import resize
from paddleseg_ext.protocol.inference import InferenceProtocol
from paddleseg_ext.transforms import Normalize, ResizeByRatio

CLASSES = 6
SIZE = (61, 83)
BASE = [160, 90]
RATIOS = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
WINDOWS = {"mode": "slide", "crop_size": [33, 41], "stride": [22, 30]}
TTA = {"multiscale": [1], "flip": False, "use_probs_before_resize": False}


class Net(nn.Layer):
    """The network of peer_inference.py."""

    def __init__(self, align_corners: bool) -> None:
        super().__init__()
        self.conv, self.seg = nn.Conv2D(3, 8, 5, 4, 2), nn.Conv2D(8, CLASSES, 1)
        self.align_corners = align_corners
        rng = np.random.RandomState(3)
        for parameter in self.parameters():
            parameter.set_value(rng.randn(*parameter.shape).astype("float32") * 0.5)

    def feature_logits(self, x):
        return [self.seg(F.relu(self.conv(x)))]

    def forward(self, x):
        return [resize(logits, tuple(x.shape[2:]), self.align_corners) for logits in self.feature_logits(x)]

    def arrays(self) -> dict:
        return {name.replace(".", "_"): value.numpy() for name, value in self.state_dict().items()}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "image.png"
    assert cv2.imwrite(str(path), np.random.RandomState(4).randint(0, 256, (*SIZE, 3)).astype(np.uint8))
    return str(path)


def run(protocol: InferenceProtocol, net: Net, image: str) -> tuple:
    transforms = T.Compose([ResizeByRatio(BASE), Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    data = protocol.transforms(transforms)({"img": image})
    images = data["img"]
    tensors = [paddle.to_tensor(each[None]) for each in (images if isinstance(images, list) else [images])]
    with paddle.no_grad():
        labels, logits = protocol(net, tensors if isinstance(images, list) else tensors[0], data["trans_info"])
    return labels.numpy()[0, 0], logits.numpy()


def same_labels(actual: np.ndarray, expected: np.ndarray, logits: np.ndarray) -> None:
    """Equal but where the two largest logits are closer than float32 can tell."""
    first, second = np.sort(logits[0], axis=0)[[-1, -2]]
    assert len(np.unique(expected)) > 2
    assert (first - second)[actual != expected].max(initial=0) < 1e-5


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_mmsegmentation(peer, image, mode, align_corners):
    net = Net(align_corners)
    test_cfg = {"mode": "whole"} if mode == "whole" else WINDOWS
    settings = {"peer": "mmseg", "dataset": "cityscapes", "augment": False, "base": BASE, "image": image}
    settings.update(test_cfg=test_cfg, align_corners=align_corners)
    expected = peer("inference", settings=settings, **net.arrays())
    ours = {"is_slide": True, "crop_size": [41, 33], "stride": [30, 22]} if mode == "slide" else {}
    labels, logits = run(InferenceProtocol(align_corners=align_corners, slide_batch_size=3, **ours), net, image)
    np.testing.assert_allclose(logits, expected["logits"], rtol=0, atol=2e-5)
    same_labels(labels, expected["labels"], logits)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["whole", "slide"])
@pytest.mark.parametrize("dataset", ["cityscapes", "ade20k", "pascal_voc12"])
def test_mmsegmentation_scales_and_flips(peer, image, dataset, mode, align_corners):
    """SegTTAModel on the data set's own tta_pipeline."""
    net = Net(align_corners)
    test_cfg = {"mode": "whole"} if mode == "whole" else WINDOWS
    settings = {"peer": "mmseg", "dataset": dataset, "augment": True, "base": BASE, "image": image}
    settings.update(test_cfg=test_cfg, align_corners=align_corners)
    expected = peer("inference", settings=settings, **net.arrays())
    ours = {"is_slide": True, "crop_size": [41, 33], "stride": [30, 22]} if mode == "slide" else {}
    row = {"scales": RATIOS, "flip_horizontal": True, "aug_average": "softmax", "aug_rescale": "image"}
    labels, average = run(InferenceProtocol(aug_eval=True, align_corners=align_corners, **row, **ours), net, image)
    passes = expected["logits"]
    assert len(passes) == 2 * len(RATIOS)
    powers = np.exp(passes - passes.max(1, keepdims=True))
    np.testing.assert_allclose(average[0], (powers / powers.sum(1, keepdims=True)).mean(0), rtol=0, atol=1e-5)
    same_labels(labels, expected["labels"][0], average)
    # One scale alone, as logits, where the average could hide an error in a few passes.
    for number, ratio in enumerate(RATIOS):
        alone = {"aug_eval": True, "scales": ratio, "aug_rescale": "image", "align_corners": align_corners}
        _, logits = run(InferenceProtocol(**alone, **ours), net, image)
        np.testing.assert_allclose(logits[0], passes[2 * number], rtol=0, atol=2e-5)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["whole", "slide", "flip"])
def test_sssegmentation(peer, mode, align_corners):
    net = Net(align_corners)
    array = np.random.RandomState(5).randn(1, 3, 90, 122).astype("float32")
    forward = {"mode": "slide", "cropsize": [33, 41], "stride": [22, 30]} if mode == "slide" else {"mode": "whole"}
    settings = {"peer": "ssseg", "align_corners": align_corners, "forward": forward, "size": SIZE}
    settings["tta"] = {**TTA, "flip": mode == "flip"}
    expected = peer("inference", settings=settings, image=array, **net.arrays())
    ours = {
        "whole": {"resize_once": True},
        "slide": {"is_slide": True, "crop_size": [41, 33], "stride": [30, 22]},
        "flip": {"resize_once": True, "aug_eval": True, "flip_horizontal": True},
    }[mode]
    with paddle.no_grad():
        protocol = InferenceProtocol(align_corners=align_corners, **ours)
        labels, logits = protocol(net, paddle.to_tensor(array), [("resize", SIZE)])
    np.testing.assert_allclose(logits.numpy(), expected["logits"], rtol=0, atol=2e-5)
    same_labels(labels.numpy()[0, 0], expected["labels"], logits.numpy())


class Predicted(paddle.io.Dataset):
    """Predictions, as images of one channel for each class, and labels."""

    num_classes, ignore_index = CLASSES, 255

    def __init__(self, predictions: np.ndarray, labels: np.ndarray) -> None:
        self.predictions, self.labels = predictions, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict:
        channels = (np.arange(CLASSES)[:, None, None] == self.predictions[index]).astype("float32")
        return {"img": channels, "label": self.labels[index][None], "trans_info": []}


class Through(nn.Layer):
    def forward(self, x):
        return [x]


def test_figures_with_absent_classes(peer, monkeypatch):
    """Of six classes one is labelled only, one predicted only, and one neither."""
    rng = np.random.RandomState(6)
    predictions = rng.choice([0, 1, 2, 4], (3, 20, 30))
    labels = rng.choice([0, 1, 2, 3, 255], (3, 20, 30))
    expected = peer("metrics", settings={"num_classes": CLASSES}, predictions=predictions, labels=labels)
    lines = []
    monkeypatch.setattr(logger, "info", lambda message="": lines.append(message))
    miou, acc, class_iou, _, _ = evaluate(Through(), Predicted(predictions, labels), absent_classes="skip")
    assert np.isnan(class_iou).tolist() == [False, False, False, False, False, True]
    np.testing.assert_allclose(class_iou, expected["ssseg_iou"], rtol=1e-6)
    np.testing.assert_allclose(class_iou * 100, expected["mmseg_IoU"], atol=0.005)
    assert miou == pytest.approx(float(expected["ssseg_miou"]), rel=1e-6)
    assert acc == pytest.approx(float(expected["ssseg_all_accuracy"]), rel=1e-6)
    figures = lines[1].replace(":", "").split()
    logged = {name: float(figures[figures.index(name) + 1]) for name in ("mIoU", "Acc", "mAcc")}
    # mmsegmentation rounds to hundredths of a percent, our log line does so too.
    for name, theirs in {"mIoU": "mIoU", "Acc": "aAcc", "mAcc": "mAcc"}.items():
        assert logged[name] * 100 == pytest.approx(float(expected[f"mmseg_{theirs}"]), abs=0.011)
