"""The three models beside those of SSSegmentation and mmsegmentation: the same logits, losses and first weights."""

import numpy as np
import paddle
import paddleseg
import pytest

from paddleseg_ext.backbones import ResNet18_v1c, ResNet50_v1c
from paddleseg_ext.convert.names import peer_name
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from paddleseg_ext.parity.peer_side.draw import draw_weight

PEERS = ["ssseg", "mmseg"]
NUM_CLASSES = 19
SEED = 5
BATCH, STEPS = 4, 3

# By dtype and depth. In float32 those of tests/golden, above the noise of the peers' own float32; in float64 Paddle's
# bilinear resize still takes its weights in float32 (without one, as in ISANet, the difference is below 1e-10).
LOGITS_LIMITS = {("float64", 18): 1e-6, ("float64", 50): 1e-6, ("float32", 18): 1e-4, ("float32", 50): 4e-4}


def build(peer, model, depth, output_stride=8, align_corners=False, mask_size=(9, 9), dropout=0.0, classes=NUM_CLASSES):
    """Our model in the layout of ``peer``, and the peer's settings; depth 18 has a quarter of the head's width."""
    settings = {
        "peer": peer,
        "model": model,
        "depth": depth,
        "output_stride": output_stride,
        "align_corners": align_corners,
        "mask_size": mask_size,
        "dropout": dropout,
        "num_classes": classes,
        "seed": SEED,
    }
    narrow = depth == 18
    arguments = {"layout": peer, "align_corners": align_corners, "dropout": dropout}
    if narrow:
        arguments["aux_channels"] = 64
    backbone = (ResNet18_v1c if narrow else ResNet50_v1c)(output_stride=output_stride)
    if model == "pspnet":
        network = PSPNet(classes, backbone, **({"pp_out_channels": 128} if narrow else {}), **arguments)
    elif model == "isanet":
        network = ISANet(classes, backbone, isa_channels=64 if narrow else 256, **arguments)
    else:
        network = PSANet(
            classes, backbone, mask_size=mask_size, **({"feats_channels": 128} if narrow else {}), **arguments
        )
    return network, settings


def train(network, peer, images, labels, steps):
    """The losses of steps of SGD as the published configurations set it, through the components that a YAML names."""
    criterion = paddleseg.models.CrossEntropyLoss(ignore_index=255, avg_non_ignore=peer == "ssseg")
    optimizer = paddle.optimizer.Momentum(
        0.01, 0.9, parameters=network.parameters(), weight_decay=paddle.regularizer.L2Decay(5e-4)
    )
    network.train()
    losses = []
    for _ in range(steps):
        main, auxiliary = network(images)
        loss = criterion(main, labels) + 0.4 * criterion(auxiliary, labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses


def compare(peer, network, settings, size, steps):
    """Hold ``network`` to the peer's logits, and to its total losses over ``steps`` steps of training."""
    random = np.random.default_rng(11)
    image = random.standard_normal((2, 3, *size)).astype("float32")
    images = random.standard_normal((BATCH, 3, *size)).astype("float32")
    labels = random.integers(0, NUM_CLASSES, (BATCH, *size))
    labels[random.random(labels.shape) < 0.1] = 255
    settings = {**settings, "action": "run", "steps": steps}
    theirs = peer("models", settings=settings, image=image, images=images, labels=labels)

    state = network.state_dict()
    names = {name: peer_name(name, settings["peer"], settings["model"]) for name in state}
    counters = {name for name in theirs["names"] if name.endswith("num_batches_tracked")}
    assert set(names.values()) == set(theirs["names"]) - counters
    for name, tensor in state.items():
        tensor.set_value(draw_weight(names[name], tuple(tensor.shape), settings["seed"]))

    assert 0.3 < theirs["logits_float64"].std() < 3
    network.eval()
    for dtype in ("float64", "float32"):
        network.to(dtype=dtype)
        with paddle.no_grad():
            (logits,) = network.feature_logits(paddle.to_tensor(image.astype(dtype)))
        limit = LOGITS_LIMITS[dtype, settings["depth"]]
        np.testing.assert_allclose(logits.numpy(), theirs[f"logits_{dtype}"], atol=limit, rtol=0)
    ours = train(network, settings["peer"], paddle.to_tensor(images), paddle.to_tensor(labels), steps)
    np.testing.assert_allclose(ours[0], theirs["losses"][0], rtol=2e-5)
    np.testing.assert_allclose(ours, theirs["losses"], rtol=1e-3)
    return ours


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (65, 96)])
@pytest.mark.parametrize("model", ["pspnet", "psanet", "isanet"])
@pytest.mark.parametrize("peer_of", PEERS)
def test_logits_and_three_steps_of_training(peer, peer_of, model, size):
    network, settings = build(peer_of, model, 18)
    losses = compare(peer, network, settings, size, STEPS)
    # ten times the limit, or the steps would show nothing
    assert losses[0] - losses[-1] > 0.01 * losses[0]


@pytest.mark.parametrize("model", ["pspnet", "psanet", "isanet"])
def test_stride_16_and_aligned_corners(peer, model):
    network, settings = build("mmseg", model, 18, output_stride=16, align_corners=True)
    compare(peer, network, settings, (129, 145), 1)


@pytest.mark.parametrize("model", ["pspnet", "psanet", "isanet"])
@pytest.mark.parametrize("peer_of", PEERS)
def test_published_widths(peer, peer_of, model):
    network, settings = build(peer_of, model, 50, mask_size=(97, 97))
    compare(peer, network, settings, (65, 97), 1)


def two_sample_distance(a, b):
    """The Kolmogorov-Smirnov statistic, and what it exceeds once in a million for samples of one distribution."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    distance = np.abs(
        np.searchsorted(a, both, side="right") / a.size - np.searchsorted(b, both, side="right") / b.size
    ).max()
    return distance, np.sqrt(np.log(2e6) / 2 * (a.size + b.size) / (a.size * b.size))


@pytest.mark.parametrize("model", ["pspnet", "psanet", "isanet"])
@pytest.mark.parametrize("peer_of", PEERS)
def test_first_weights_of_the_heads(peer, peer_of, model):
    draws = 4
    ours = {}
    for seed in range(draws):
        paddle.seed(seed)
        network, settings = build(peer_of, model, 18, classes=150)
        for name, value in network.state_dict().items():
            if not name.startswith("backbone"):
                ours.setdefault(peer_name(name, peer_of, model), []).append(value.numpy().ravel())
    theirs = peer("models", settings={**settings, "action": "initialise", "draws": draws})
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        values = np.concatenate(ours[name])
        assert values.size == expected.size
        distance, limit = two_sample_distance(values, expected.ravel())
        assert distance < limit, f"{name}: {values.std()} against {expected.std()}"
