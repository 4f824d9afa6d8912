"""Every attribute of every layout changes what ``models/layouts.py`` says, and nothing else.

``facts`` observes all that a layout can change. A case of ``CASES`` names the facts that one attribute changes. The
test varies the attribute alone, in every row, and compares the facts before and after.
"""

import contextlib
import dataclasses
import functools
import itertools
import math

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_ext import models
from paddleseg_ext.errors import UserError
from paddleseg_ext.models import psanet, pspnet, segmentor
from paddleseg_ext.models.layouts import find_layout
from tests.models.small import LAYOUTS, SMALL, TwoConvolutions, draw_weights, small


def resized(*also):
    """The facts that ``align_corners`` changes, and those of a model's own."""

    def changes(row, value):
        follows = {"resize to the original size"} if row.original_align_corners is None else set()
        return {"resize of the logits", *follows, *(fact for has, fact in also if has(row))}

    return (None, True), changes


def always(row):
    return True


# Attribute -> (values to try, facts that change). The facts are a set, or a function of the row and the value.
ANY_MODEL = {
    "original_align_corners": ((None, False), {"resize to the original size"}),
    "align_mode": ((0, 1), {"resize of the logits"}),
    "auxiliary_in_eval": ((False, True), {"outputs in evaluation"}),
    "initialization": (("torch", "mmseg"), {"first weights"}),
    "unbiased_variance": ((False, True), {"running variance"}),
    "aux_channels": ((12,), {"auxiliary width", "auxiliary logits"}),
}


CASES = {
    "PSPNet": {
        **ANY_MODEL,
        "align_corners": resized((always, "resize of the levels"), (always, "main logits")),
        "reversed_bins": ((False, True), {"order of the levels", "main logits"}),
        "branch_channels": (("shared", "head"), {"level width", "main logits"}),
        "head_channels": (
            (20,),
            lambda row, value: {"head width"} | ({"level width"} if row.branch_channels == "head" else set()),
        ),
        "conv_bias": ((False, True), {"biases", "main logits", "auxiliary logits"}),
        "channel_dropout": ((False, True), {"dropout"}),
        "trains_on_one_image": ((False, True), {"training on one image"}),
    },
    "PSANet": {
        **ANY_MODEL,
        "align_corners": resized((lambda row: row.parity_shrink, "resizes of the attention")),
        "branch_order": (
            (("collect", "distribute"), ("distribute", "collect")),
            {"order of the branches", "main logits"},
        ),
        "proj_padding": ((0, 1), {"padding", "main logits"}),
        "parity_shrink": ((False, True), {"resizes of the attention", "main logits"}),
        "compact_transposes": (
            (None, "collect", "distribute"),
            lambda row, value: (
                {f"compact {kind}" for kind in ("collect", "distribute")}
                | ({"compact bi-direction"} if None in (row.compact_transposes, value) else set())
            ),
        ),
        "channel_dropout": ((False, True), {"dropout"}),
    },
    "ISANet": {
        **ANY_MODEL,
        "align_corners": resized(),
        "fuse_kernel": ((1, 3), {"kernel", "main logits"}),
        "attended_first": ((False, True), {"order of the maps", "main logits"}),
        "value_bias": ((False, True), {"biases", "main logits"}),
        "dropout": ((0.3,), {"dropout"}),
        "auxiliary_always": ((False, True), {"auxiliary head without its loss"}),
    },
}


@pytest.mark.parametrize(
    ("name", "layout", "attribute"),
    [(name, layout, attribute) for name, layout in LAYOUTS for attribute in CASES[name]],
)
def test_an_attribute_changes_what_it_says_and_nothing_else(name, layout, attribute, monkeypatch):
    table = getattr(models, name).layouts
    row, before = table[layout], published_facts(name, layout)
    values, changes = CASES[name][attribute]
    others = [value for value in values if value != getattr(row, attribute)]
    assert others
    for value in others:
        monkeypatch.setitem(table, "varied", dataclasses.replace(row, **{attribute: value}))
        after = facts(name, "varied")
        expected = changes(row, value) if callable(changes) else changes
        assert {fact for fact in before if before[fact] != after[fact]} == expected, value


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_attribute_has_a_case(name):
    for row in getattr(models, name).layouts.values():
        assert {field.name for field in dataclasses.fields(row)} == set(CASES[name])


def test_an_unknown_layout_is_one_sentence():
    with pytest.raises(UserError, match=r"^PSPNet has no layout 'x'; the layouts are mmseg, .*\.$"):
        find_layout(models.PSPNet.layouts, "x", "PSPNet")


# --- facts ----------------------------------------------------------------------------------------------------------

IMAGE = paddle.to_tensor(np.random.default_rng(0).standard_normal((2, 3, 64, 88)).astype("float32"))


@functools.cache
def published_facts(name, layout):
    return facts(name, layout)


def facts(name, layout):
    """All that a layout can change, by name. Numbers are bytes, so that they compare bit for bit."""

    def build(**arguments):
        return small(name, layout, TwoConvolutions(), aux_channels=None, **arguments)

    pair = [build(align_corners=align_corners) for align_corners in (False, True)]
    return {
        "auxiliary width": pair[0].classifiers[1].weight.shape[1],
        "first weights": scheme(pair[0]),
        "dropout": [(type(layer), layer.p) for layer in pair[0].sublayers() if hasattr(layer, "p")],
        "biases": [conv.bias is None for conv in pair[0].head.sublayers() if isinstance(conv, nn.Conv2D)],
        **in_evaluation(pair),
        **in_training(pair[0]),
        **OWN[name](pair, build),
    }


def scheme(model):
    """Whose distribution a classifier was drawn from."""
    weight = model.classifiers[0].weight.numpy()
    spreads = {"torch": 1 / math.sqrt(3 * weight[0].size), "mmseg": 0.01, "paddle": math.sqrt(2 / weight[0].size)}
    return min(spreads, key=lambda name: abs(math.log(weight.std() / spreads[name])))


def in_evaluation(pair):
    """What evaluation gives with the argument ``align_corners`` false, and with it true."""
    found = {}
    for model in pair:
        draw_weights(model).eval()
        with resizes() as seen:
            outputs = model(IMAGE)
        found.setdefault("outputs in evaluation", []).append(len(outputs))
        found.setdefault("resize of the logits", []).append(seen[segmentor][0])
        found.setdefault("resize of the levels", []).append(seen[pspnet])
        found.setdefault("resize to the original size", []).append(model.original_align_corners)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model, "auxiliary_in_eval", True)
            main, auxiliary = model.feature_logits(IMAGE)
        found.setdefault("main logits", []).append(main.numpy().tobytes())
        found.setdefault("auxiliary logits", []).append(auxiliary.numpy().tobytes())
    return found


def in_training(model):
    model.train()
    # The backbone does not depend on the layout, but its normalization follows the layout's rule.
    model.backbone(IMAGE)
    variance = model.backbone.norm._variance.numpy().tobytes()
    try:
        model(IMAGE[:1])
        one = "trains"
    except UserError as error:
        one = str(error)
    model.eval()
    return {"running variance": variance, "training on one image": one}


@contextlib.contextmanager
def resizes():
    """Note the calls of ``resize`` by the module that makes them: (size, align_corners, align_mode)."""
    seen = {module: [] for module in (pspnet, psanet, segmentor)}

    def noting(calls, resize):
        def note(x, size, align_corners, align_mode=0):
            calls.append((size, align_corners, align_mode))
            return resize(x, size, align_corners, align_mode)

        return note

    with pytest.MonkeyPatch.context() as patch:
        for module, calls in seen.items():
            patch.setattr(module, "resize", noting(calls, module.resize))
        yield seen


def input_of(layer, run):
    """The input of ``layer`` when ``run`` is called."""
    seen = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    run()
    hook.remove()
    return seen[0]


def order(x):
    """The values of constant maps, in the order in which they are concatenated."""
    return list(dict.fromkeys(x.numpy()[0, :, 0, 0].tolist()))


def of_pspnet(pair, build):
    model, pyramid = pair[0], pair[0].head.psp_module
    for value, stage in enumerate(pyramid.stages):
        stage.register_forward_post_hook(lambda _, __, output, value=value: paddle.full_like(output, value))
    joined = input_of(pyramid.conv_bn_relu2, lambda: model(IMAGE))
    with paddle.LazyGuard():
        # The layout's own width is large, and its shapes are enough.
        wide = build(pp_out_channels=None)
    return {
        "order of the levels": order(joined[:, model.in_channels[1] :]),
        "level width": wide.head.psp_module.stages[0][1]._conv.weight.shape[0],
        "head width": wide.classifiers[0].weight.shape[1],
    }


def of_psanet(pair, build):
    model, psa = pair[0], pair[0].psa
    channels = model.in_channels[1]
    found = {"padding": psa.proj._conv._padding, "resizes of the attention": []}
    for factor, size in itertools.product((1, 2), ((9, 11), (8, 11))):
        for each in pair:
            each.psa.shrink_factor = factor
            with resizes() as seen:
                each.psa(paddle.zeros([1, channels, *size]))
            found["resizes of the attention"].append(seen[psanet])
    for kind in psanet.PSA_TYPES.values():
        found[f"compact {kind}"] = transposed(psa, kind, paddle.zeros([1, channels, *psa.mask_size]))
    with paddle.LazyGuard():
        try:
            build(compact=True)
        except UserError:
            found.update({f"compact {kind}": "refused" for kind in psanet.PSA_TYPES.values()})
    values = {"collect": 1.0, "distribute": 2.0}
    psa._branch = lambda kind, x, *_: paddle.full([len(x), 16, 8, 11], values[kind])
    found["order of the branches"] = order(input_of(psa.proj, lambda: model(IMAGE)))
    return found


def transposed(psa, kind, x):
    """Which branches of a compact head of this psa_type transpose their attention."""
    seen, original = [], psanet._position_map

    def note(feature, logits, mask_size, transpose):
        seen.append(transpose)
        return original(feature, logits, mask_size, transpose)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psanet, "_position_map", note)
        patch.setattr(psa, "compact", True)
        patch.setattr(psa, "psa_type", kind)
        for branch in ("collect", "distribute") if kind == "bi-direction" else (kind,):
            psa._branch(branch, x, psa.reduce_layer, psa.attention, psa.mask_size, True)
    return seen


def of_isanet(pair, build):
    model, fuse = pair[0], pair[0].head.out_conv
    model.head._attend = lambda x: paddle.full_like(x, 7.0)
    joined = input_of(fuse, lambda: model(IMAGE)).numpy()
    half = joined.shape[1] // 2
    with paddle.LazyGuard():
        without = build(enable_auxiliary_loss=False)
    return {
        "auxiliary head without its loss": len(without.classifiers),
        "kernel": fuse._conv.weight.shape[2:],
        "order of the maps": [bool((part == 7.0).all()) for part in (joined[:, :half], joined[:, half:])],
    }


OWN = {"PSPNet": of_pspnet, "PSANet": of_psanet, "ISANet": of_isanet}
