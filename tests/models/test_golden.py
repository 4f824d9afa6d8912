"""The three models in every layout against the outputs of the published implementations (tests/golden/README.md)."""

from functools import partial

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddleseg_ext.backbones import ResNet18_v1c, ResNet50_deepstem, ResNet50_v1c
from paddleseg_ext.convert import convert_weights
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.names import their_name
from paddleseg_ext.models import ISANet, PSANet, PSPNet
from tests.golden.case import FOLDER, Case

CASES = sorted(path.stem for path in FOLDER.glob("*.npz"))

# Limits above the measured float32 noise of the original code: depth -> absolute logits, absolute loss,
# relative gradient norm, absolute running mean, relative running variance.
LIMITS = {18: (1e-4, 1e-5, 3e-3, 1e-5, 1e-5), 50: (4e-4, 1e-4, 3e-2, 3e-5, 1e-4)}

BACKBONES = {
    ("ssseg", 18): ResNet18_v1c,
    ("ssseg", 50): ResNet50_v1c,
    ("mmseg", 50): ResNet50_v1c,
    ("semseg", 50): ResNet50_deepstem,
    ("openseg", 50): partial(ResNet50_deepstem, contract_dilation=True, ceil_mode=True),
}
MODELS = {"pspnet": PSPNet, "psanet": PSANet, "isanet": ISANet}
# Layouts without a recorded case, and the reason.
NOT_RECORDED = {
    "paddleseg_pspnet": "PaddleSeg is installed here: test_paddleseg_layout.py runs its class beside ours.",
    "paddleseg_isanet": "PaddleSeg is installed here: test_paddleseg_layout.py runs its class beside ours.",
    "psanet_paddle_psanet": "It was never recorded: test_psanet.py derives its logits from those of semseg.",
}


def head_arguments(case):
    """What the case's own settings say, in the words of our models."""
    info = case.info
    peer, model, settings = info["peer"], info["model"], info["settings"]
    if peer == "semseg":
        if model == "pspnet":
            return {"bin_sizes": settings["bins"]}
        names = ("psa_type", "compact", "shrink_factor", "psa_softmax", "normalization_factor")
        return {**{name: settings[name] for name in names}, "mask_size": (settings["mask_h"], settings["mask_w"])}
    if peer == "openseg":
        return {"down_factor": settings["network"]["factors"][0]}
    head = settings["head_cfg"] if peer == "ssseg" else settings["decode_head"]
    align_corners = settings.get("align_corners", False) if peer == "ssseg" else head["align_corners"]
    aux_channels = settings["auxiliary_cfg"]["out_channels"] if peer == "ssseg" else None
    common = {"align_corners": align_corners, "aux_channels": aux_channels}
    width = head["feats_channels"] if peer == "ssseg" else head["channels"]
    if model == "pspnet":
        return {**common, "pp_out_channels": width, "bin_sizes": head["pool_scales"]}
    if model == "isanet":
        assert width == head["in_channels"] // 4
        return {**common, "isa_channels": head["isa_channels"], "down_factor": head["down_factor"]}
    return {
        **common,
        **{name: head[name] for name in ("compact", "shrink_factor", "psa_softmax")},
        "psa_type": head["type"] if peer == "ssseg" else head["psa_type"],
        "mask_size": tuple(head["mask_size"]),
        "normalization_factor": head.get("normalization_factor"),
        "feats_channels": width,
    }


def build(case):
    """The case's model in the current default dtype, with the peer's weights and dropout 0."""
    peer, name = case.info["peer"], case.info["model"]
    backbone = BACKBONES[peer, case.info["depth"]](output_stride=case.info["outstride"])
    model = MODELS[name](case.info["num_classes"], backbone, layout=peer, dropout=0.0, **head_arguments(case))
    weights = case.weights
    converted = convert_weights(weights, model=model)
    assert converted.found.implementation.name == peer
    for key, tensor in model.state_dict().items():
        np.testing.assert_array_equal(converted.weights[key], weights[their_name(key, IMPLEMENTATIONS[peer], name)])
        tensor.set_value(converted.weights[key].astype(str(tensor.dtype).split(".")[-1]))
    return model


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Shared by the tests of a case, so that its weights are drawn once."""
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
    peer = IMPLEMENTATIONS[case.info["peer"]]
    names = {their_name(name, peer, case.info["model"]): tensor for name, tensor in model.state_dict().items()}
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
        variance = names[f"{name}.running_var"].numpy()
        np.testing.assert_allclose(variance, case[f"bn{i}_running_var"], rtol=variance_limit)


def test_every_layout_has_a_recorded_case():
    rows = {f"{layout}_{name}" for name, model in MODELS.items() for layout in model.layouts}
    recorded = {"_".join(name.split("_")[:2]) for name in CASES}
    peers = {f"{one.name}_{model}" for one in IMPLEMENTATIONS.values() for model in one.heads if model != "backbone"}
    bare = sorted((rows | peers) - recorded - set(NOT_RECORDED))
    assert not bare, f"{bare}: record a case of the original in tests/golden/, or give the reason in NOT_RECORDED."
    assert recorded | set(NOT_RECORDED) == rows and not recorded & set(NOT_RECORDED)
