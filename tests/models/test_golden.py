"""PSANet in every layout against the outputs of the published implementations (tests/golden/README.md)."""

import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddleseg_ext.backbones import ResNet18_v1c, ResNet50_deepstem, ResNet50_v1c
from paddleseg_ext.models import PSANet
from tests.golden.recipe import FOLDER, Case

CASES = sorted(path.stem for path in FOLDER.glob("*psanet*.npz"))

# Limits above the measured float32 noise of the original code: depth -> absolute logits, absolute loss,
# relative gradient norm, absolute running mean, relative running variance.
LIMITS = {18: (1e-4, 1e-5, 3e-3, 1e-5, 1e-5), 50: (4e-4, 1e-4, 3e-2, 3e-5, 1e-4)}

# Our prefix -> the peer's, longest first; the leaf follows.
PREFIXES = {
    "ssseg": {
        "backbone.": "backbone_net.",
        "psa.reduce_layer._conv": "reduce.0",
        "psa.reduce_layer._batch_norm": "reduce.1",
        "psa.reduce_p._conv": "reduce_p.0",
        "psa.reduce_p._batch_norm": "reduce_p.1",
        "psa.attention.0._conv": "attention.0",
        "psa.attention.0._batch_norm": "attention.1",
        "psa.attention.1": "attention.3",
        "psa.attention_p.0._conv": "attention_p.0",
        "psa.attention_p.0._batch_norm": "attention_p.1",
        "psa.attention_p.1": "attention_p.3",
        "psa.proj._conv": "proj.0",
        "psa.proj._batch_norm": "proj.1",
        "aux_head.conv_bn_relu._conv": "auxiliary_decoder.0",
        "aux_head.conv_bn_relu._batch_norm": "auxiliary_decoder.1",
        "aux_head.conv": "auxiliary_decoder.4",
        "head.conv_bn_relu._conv": "decoder.0",
        "head.conv_bn_relu._batch_norm": "decoder.1",
        "head.conv": "decoder.4",
    },
    "mmseg": {
        "backbone.": "backbone.",
        "psa.reduce_layer._conv": "decode_head.reduce.conv",
        "psa.reduce_layer._batch_norm": "decode_head.reduce.bn",
        "psa.reduce_p._conv": "decode_head.reduce_p.conv",
        "psa.reduce_p._batch_norm": "decode_head.reduce_p.bn",
        "psa.attention.0._conv": "decode_head.attention.0.conv",
        "psa.attention.0._batch_norm": "decode_head.attention.0.bn",
        "psa.attention.1": "decode_head.attention.1",
        "psa.attention_p.0._conv": "decode_head.attention_p.0.conv",
        "psa.attention_p.0._batch_norm": "decode_head.attention_p.0.bn",
        "psa.attention_p.1": "decode_head.attention_p.1",
        "psa.proj._conv": "decode_head.proj.conv",
        "psa.proj._batch_norm": "decode_head.proj.bn",
        "aux_head.conv_bn_relu._conv": "auxiliary_head.convs.0.conv",
        "aux_head.conv_bn_relu._batch_norm": "auxiliary_head.convs.0.bn",
        "aux_head.conv": "auxiliary_head.conv_seg",
        "head.conv_bn_relu._conv": "decode_head.bottleneck.conv",
        "head.conv_bn_relu._batch_norm": "decode_head.bottleneck.bn",
        "head.conv": "decode_head.conv_seg",
    },
    "semseg": {
        "backbone.stem": "layer0",
        "backbone.": "",
        "psa.reduce_layer._conv": "psa.reduce.0",
        "psa.reduce_layer._batch_norm": "psa.reduce.1",
        "psa.reduce_p._conv": "psa.reduce_p.0",
        "psa.reduce_p._batch_norm": "psa.reduce_p.1",
        "psa.attention.0._conv": "psa.attention.0",
        "psa.attention.0._batch_norm": "psa.attention.1",
        "psa.attention.1": "psa.attention.3",
        "psa.attention_p.0._conv": "psa.attention_p.0",
        "psa.attention_p.0._batch_norm": "psa.attention_p.1",
        "psa.attention_p.1": "psa.attention_p.3",
        "psa.proj._conv": "psa.proj.0",
        "psa.proj._batch_norm": "psa.proj.1",
        "aux_head.conv_bn_relu._conv": "aux.0",
        "aux_head.conv_bn_relu._batch_norm": "aux.1",
        "aux_head.conv": "aux.4",
        "head.conv_bn_relu._conv": "cls.0",
        "head.conv_bn_relu._batch_norm": "cls.1",
        "head.conv": "cls.4",
    },
}
LEAVES = {"_mean": "running_mean", "_variance": "running_var"}


def peer_name(ours, peer):
    prefixes = PREFIXES[peer]
    prefix = max((p for p in prefixes if ours.startswith(p)), key=len)
    path = prefixes[prefix] + ours[len(prefix) :]
    stem, leaf = path.rsplit(".", 1)
    return f"{stem}.{LEAVES.get(leaf, leaf)}"


def build(case):
    """The case's model in the current default dtype, with the peer's weights and dropout 0."""
    info = case.info
    peer, settings = info["peer"], info["settings"]
    if peer == "semseg":
        backbone = ResNet50_deepstem(output_stride=info["outstride"])
        head = {key: settings[key] for key in ("psa_type", "compact", "shrink_factor", "psa_softmax")}
        head["mask_size"] = (settings["mask_h"], settings["mask_w"])
        head["normalization_factor"] = settings["normalization_factor"]
        align_corners = True
    else:
        backbone = {18: ResNet18_v1c, 50: ResNet50_v1c}[info["depth"]](output_stride=info["outstride"])
        described = settings["head_cfg"] if peer == "ssseg" else settings["decode_head"]
        head = {key: described[key] for key in ("compact", "shrink_factor", "psa_softmax")}
        head["psa_type"] = described["type"] if peer == "ssseg" else described["psa_type"]
        head["mask_size"] = tuple(described["mask_size"])
        head["normalization_factor"] = described.get("normalization_factor")
        head["feats_channels"] = described["feats_channels"] if peer == "ssseg" else described["channels"]
        if peer == "ssseg":
            head["aux_channels"] = settings["auxiliary_cfg"]["out_channels"]
            align_corners = settings.get("align_corners", False)
        else:
            align_corners = described["align_corners"]
    model = PSANet(info["num_classes"], backbone, layout=peer, align_corners=align_corners, dropout=0.0, **head)
    weights = {name: value for name, value in case.weights().items() if not name.endswith("num_batches_tracked")}
    state = model.state_dict()
    assert sorted(peer_name(name, peer) for name in state) == sorted(weights)
    for name, tensor in state.items():
        tensor.set_value(weights[peer_name(name, peer)].astype(str(tensor.dtype).split(".")[-1]))
    return model


@pytest.fixture(params=CASES)
def case(request):
    return Case(request.param)


@pytest.fixture
def default_dtype():
    before = paddle.get_default_dtype()
    yield paddle.set_default_dtype
    paddle.set_default_dtype(before)


def total_loss(case, outputs, labels):
    """Main plus 0.4 auxiliary; mmsegmentation averages over all pixels, the others over those not ignored."""
    total = 0
    for weight, logits in zip((1.0, 0.4), outputs):
        summed = F.cross_entropy(logits, labels, ignore_index=255, reduction="sum", axis=1)
        count = labels.size if case.info["peer"] == "mmseg" else int((labels != 255).sum())
        total = total + weight * summed / count
    return total


def test_eval_logits(case, default_dtype):
    model = build(case)
    model.eval()
    image = paddle.to_tensor(case.batch()[0])
    with paddle.no_grad():
        logits = model.feature_logits(image)[0].numpy()
        outputs = model(image)
    limit = LIMITS[case.info["depth"]][0]
    classes = slice(None, None, case.info["up_channel_step"])
    assert len(outputs) == 1
    np.testing.assert_allclose(logits[:, classes], case["logits_f64"], atol=limit, rtol=0)
    step = case.info["up_step"]
    upsampled = outputs[0].numpy()[:, classes, ::step, ::step]
    np.testing.assert_allclose(upsampled, case["logits_up_sub"], atol=limit, rtol=0)


def test_eval_logits_in_float64(case, default_dtype):
    default_dtype("float64")
    model = build(case)
    model.eval()
    with paddle.no_grad():
        logits = model.feature_logits(paddle.to_tensor(case.batch()[0].astype("float64")))[0].numpy()
    # logits_f64 is stored rounded to float32, half of whose last bit at the largest logits (below 8) is 2.4e-7
    difference = np.abs(logits[:, :: case.info["up_channel_step"]] - case["logits_f64"]).max()
    assert difference < 1e-6


def test_training_step(case):
    model = build(case)
    model.train()
    names = {peer_name(name, case.info["peer"]): tensor for name, tensor in model.state_dict().items()}
    before = {name: names[f"{name}.running_var"].numpy().copy() for name in case.info["bn_layers"]}
    counts = {}
    for name in case.info["bn_layers"]:
        _count_samples(model, names, name, counts)
    image, labels = case.batch()
    outputs = model(paddle.to_tensor(image))
    loss = total_loss(case, outputs, paddle.to_tensor(labels))
    loss.backward()

    _, loss_limit, gradient_limit, mean_limit, variance_limit = LIMITS[case.info["depth"]]
    assert abs(float(loss) - case["loss_total"][1]) < loss_limit
    for name, expected in zip(case.info["grad_names"], case["grad_norms"][:, 1]):
        norm = np.linalg.norm(names[name].grad.numpy().astype("float64"))
        assert abs(norm - expected) < gradient_limit * expected, name
    for i, name in enumerate(case.info["bn_layers"]):
        mean = names[f"{name}.running_mean"].numpy()
        np.testing.assert_allclose(mean, case[f"bn{i}_running_mean"], atol=mean_limit, rtol=0)
        # Paddle's running variance averages the biased batch variance, torch's the unbiased one.
        update = names[f"{name}.running_var"].numpy() - 0.9 * before[name]
        variance = 0.9 * before[name] + update * counts[name] / (counts[name] - 1)
        np.testing.assert_allclose(variance, case[f"bn{i}_running_var"], rtol=variance_limit)


def _count_samples(model, names, name, counts):
    """Record in ``counts[name]`` how many values of a channel the batch norm ``name`` of the peer averages."""
    weight = names[f"{name}.weight"]
    (layer,) = [layer for layer in model.sublayers() if getattr(layer, "weight", None) is weight]

    def hook(_, inputs):
        counts[name] = int(np.prod(inputs[0].shape) // inputs[0].shape[1])

    layer.register_forward_pre_hook(hook)


def test_every_psanet_peer_is_covered():
    assert {re.match("[a-z]+", name).group() for name in CASES} == set(PREFIXES)
