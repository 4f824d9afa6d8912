"""PaddleSeg's CrossEntropyLoss has both averages: SSSegmentation's with avg_non_ignore, mmsegmentation's without."""

import numpy as np
import paddle
import pytest
from paddleseg.models import CrossEntropyLoss

import paddleseg_ext  # noqa: F401

CLASSES = 7


def ours(logits: np.ndarray, labels: np.ndarray, **settings) -> tuple:
    logits = paddle.to_tensor(logits, stop_gradient=False)
    loss = CrossEntropyLoss(ignore_index=255, **settings)(logits, paddle.to_tensor(labels))
    loss.backward()
    return float(loss), logits.grad.numpy()


def batch(ignored: float) -> dict:
    """Logits, and labels of which a share is ignored."""
    rng = np.random.RandomState(7)
    labels = rng.randint(0, CLASSES, (2, 17, 23))
    labels[rng.rand(*labels.shape) < ignored] = 255
    return {"logits": (rng.randn(2, CLASSES, 17, 23) * 3).astype("float32"), "labels": labels}


def compare(actual: tuple, expected: dict, ignored: float = 0) -> None:
    loss, gradient = actual
    # PaddleSeg adds 1e-8 to the share of valid pixels before it divides by it.
    assert loss == pytest.approx(float(expected["loss"]), rel=1e-6 + 2e-8 / (1 - ignored))
    np.testing.assert_allclose(gradient, expected["gradient"], rtol=1e-5, atol=1e-9)


WEIGHTS = [None, [0.5, 1.0, 2.0, 0.25, 3.0, 1.5, 0.75]]


@pytest.mark.parametrize("ignored", [0, 0.3, 0.99])
@pytest.mark.parametrize("weight", WEIGHTS, ids=["plain", "weighted"])
def test_sssegmentation(peer, ignored, weight):
    data = batch(ignored)
    expected = peer("losses", settings={"peer": "ssseg", "weight": weight}, **data)
    compare(ours(**data, weight=weight), expected, ignored)


@pytest.mark.parametrize("ignored", [0, 0.3, 0.99])
@pytest.mark.parametrize("avg_non_ignore", [False, True])
def test_mmsegmentation(peer, ignored, avg_non_ignore):
    data = batch(ignored)
    settings = {"peer": "mmseg", "weight": None, "avg_non_ignore": avg_non_ignore}
    compare(ours(**data, avg_non_ignore=avg_non_ignore), peer("losses", settings=settings, **data), ignored)


def test_mmsegmentation_with_class_weights(peer):
    """Where nothing is ignored; it looks up a weight of the ignored label and fails, on both of its averages."""
    data = batch(0)
    for avg_non_ignore in (False, True):
        settings = {"peer": "mmseg", "weight": WEIGHTS[1], "avg_non_ignore": avg_non_ignore}
        expected = peer("losses", settings=settings, **data)
        compare(ours(**data, weight=WEIGHTS[1], avg_non_ignore=avg_non_ignore), expected)


def test_everything_ignored(peer):
    """No pixel, no loss and no gradient, as in mmsegmentation. SSSegmentation divides by zero."""
    data = batch(1)
    for avg_non_ignore in (False, True):
        settings = {"peer": "mmseg", "weight": None, "avg_non_ignore": avg_non_ignore}
        expected = peer("losses", settings=settings, **data)
        loss, gradient = ours(**data, avg_non_ignore=avg_non_ignore)
        assert loss == float(expected["loss"]) == 0
        assert not gradient.any() and not expected["gradient"].any()
    assert np.isnan(peer("losses", settings={"peer": "ssseg", "weight": None}, **data)["loss"])
