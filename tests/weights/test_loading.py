"""Weights into a model: every mismatch reported before anything is set."""

import pickle

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_ext.errors import UserError
from paddleseg_ext.weights.loading import load_weights, read_weights, set_pretrained


def net(width: int = 4) -> nn.Layer:
    return nn.Sequential(nn.Conv2D(3, width, 1), nn.BatchNorm2D(width))


def save(layer: nn.Layer, path) -> None:
    paddle.save(layer.state_dict(), str(path))


@pytest.mark.parametrize("as_folder", [False, True])
def test_loads_file_or_folder(tmp_path, as_folder):
    one, other = net(), net()
    save(one, tmp_path / "model.pdparams")
    load_weights(other, tmp_path if as_folder else tmp_path / "model.pdparams")
    np.testing.assert_array_equal(one[0].weight.numpy(), other[0].weight.numpy())


@pytest.mark.parametrize("value", [7, [1], {}, {"epoch": 1}, {1: np.ones(1)}, {"a": [np.ones(1)]}])
def test_a_pickle_without_weights_is_an_error(tmp_path, value):
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(UserError, match="does not hold the weights of a model"):
        read_weights(tmp_path / "w.pdparams")


def test_other_shape_is_an_error(tmp_path):
    save(net(8), tmp_path / "w.pdparams")
    with pytest.raises(UserError, match=r"0 of the 6 weights of this Sequential fit, 6 have another shape .*0.weight"):
        load_weights(net(), tmp_path / "w.pdparams")


def test_part_of_a_model_is_an_error(tmp_path):
    model = net()
    before = model[0].weight.numpy()
    paddle.save({"0.weight": paddle.ones([4, 3, 1, 1]), "0.bios": paddle.ones([4])}, str(tmp_path / "w.pdparams"))
    with pytest.raises(UserError, match=r"1 of the 6 .* 5 are missing \(first 0.bias, the file has 0.bios\)"):
        load_weights(model, tmp_path / "w.pdparams")
    np.testing.assert_array_equal(before, model[0].weight.numpy())


def test_more_than_the_model_is_an_error(tmp_path):
    save(nn.Sequential(*net(), nn.Conv2D(4, 1, 1)), tmp_path / "w.pdparams")
    with pytest.raises(UserError, match=r"2 are not in the model \(first 2.weight\)"):
        load_weights(net(), tmp_path / "w.pdparams")


def test_truncated_file(tmp_path):
    save(net(), tmp_path / "w.pdparams")
    whole = (tmp_path / "w.pdparams").read_bytes()
    (tmp_path / "w.pdparams").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is damaged or cut short"):
        load_weights(net(), tmp_path / "w.pdparams")


def test_empty_folder_and_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"holds no model.pdparams"):
        load_weights(net(), tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        load_weights(net(), tmp_path / "w.pdparams")


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_numbers_of_another_kind_become_those_of_the_model(tmp_path, kind):
    one, other = net(), net()
    paddle.save({name: value.astype(kind) for name, value in one.state_dict().items()}, str(tmp_path / "w.pdparams"))
    load_weights(other, tmp_path / "w.pdparams")
    for name, value in one.state_dict().items():
        assert other.state_dict()[name].dtype == paddle.float32
        np.testing.assert_array_equal(value.astype(kind).astype("float32").numpy(), other.state_dict()[name].numpy())


def test_names_of_the_process_that_wrote_them_come_along(tmp_path):
    model = net()
    save(model, tmp_path / "w.pdparams")
    names = {name: value.name for name, value in model.state_dict().items()}
    assert {name: value.name for name, value in read_weights(tmp_path / "w.pdparams").items()} == names


def test_part_of_an_exported_model_is_sent_to_the_weights_it_came_from(tmp_path):
    (tmp_path / "model.pdiparams").write_bytes(b"\0" * 64)
    with pytest.raises(UserError, match=r"is part of an exported model.*; give the model\.pdparams"):
        load_weights(net(), tmp_path / "model.pdiparams")


# pretrained: PaddleSeg takes what fits


def test_pretrained_weights_may_lack_a_part_and_hold_another(tmp_path, capsys):
    one, other = net(), net()
    weights = {name: value for name, value in one.state_dict().items() if name != "1.bias"}
    paddle.save({**weights, "0.bias": paddle.ones([7]), "head.weight": paddle.ones([2])}, str(tmp_path / "w.pdparams"))
    before = {name: value.numpy() for name, value in other.state_dict().items()}
    set_pretrained(other, tmp_path / "w.pdparams", "model.backbone.pretrained")
    for name, value in other.state_dict().items():
        expected = before[name] if name in ("1.bias", "0.bias") else one.state_dict()[name].numpy()
        np.testing.assert_array_equal(value.numpy(), expected)
    said = capsys.readouterr().out
    assert "1.bias is not in" in said and "is [7] float32, not [4] float32" in said
    assert "4 of the 6 weights of Sequential are set from" in said


@pytest.mark.parametrize(
    ("whole", "sentence"),
    (
        (False, r"model\.pretrained: none of the 1 weights in .* fits the 6 of Sequential, so .*e\.g\. other\)"),
        (True, r"none of the 1 weights"),
    ),
)
def test_pretrained_weights_of_another_model(tmp_path, whole, sentence):
    paddle.save({"other": paddle.ones([1])}, str(tmp_path / "w.pdparams"))
    with pytest.raises(UserError, match=sentence):
        set_pretrained(net(), tmp_path / "w.pdparams", "model.pretrained", whole)


def test_a_file_that_has_to_be_whole_changes_nothing_if_it_is_not(tmp_path):
    one, other = net(), net()
    weights = {"0.weigth" if name == "0.weight" else name: value for name, value in one.state_dict().items()}
    paddle.save(weights, str(tmp_path / "w.pdparams"))
    before = other[0].bias.numpy(), other[1].weight.numpy()
    with pytest.raises(
        UserError, match=r"1 of the 6 .*first 0\.weight .*, but it holds 0\.weigth \[4, 3, 1, 1\] float32\)"
    ):
        set_pretrained(other, tmp_path / "w.pdparams", "model.backbone.pretrained", whole=True)
    np.testing.assert_array_equal(before[0], other[0].bias.numpy())


def test_a_position_embedding_is_resized_as_paddleseg_does(tmp_path, monkeypatch):
    from paddleseg.models.backbones.vision_transformer import VisionTransformer

    settings = {"patch_size": 4, "embed_dim": 8, "depth": 1, "num_heads": 2}
    small = VisionTransformer(img_size=16, **settings)
    save(small, tmp_path / "w.pdparams")
    paddleseg = VisionTransformer(img_size=32, pretrained=str(tmp_path / "w.pdparams"), **settings)
    ours = VisionTransformer(img_size=32, **settings)
    set_pretrained(ours, tmp_path / "w.pdparams", "model.backbone.pretrained")
    assert ours.pos_embed.shape != small.pos_embed.shape
    for name, value in paddleseg.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), ours.state_dict()[name].numpy())


@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "bool", "complex64"])
def test_numbers_of_another_kind_than_the_models_are_refused(tmp_path, kind):
    one, other = net(), net()
    weights = {name: np.ones(value.shape, kind) for name, value in one.state_dict().items()}
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(weights, 4))
    before = other[0].weight.numpy()
    with pytest.raises(UserError, match=rf"6 have another shape or kind of number \(first 0\.weight: .*{kind}, in the"):
        load_weights(other, tmp_path / "w.pdparams")
    with pytest.raises(UserError, match="none of the 6 weights"):
        set_pretrained(other, tmp_path / "w.pdparams", "model.pretrained")
    np.testing.assert_array_equal(before, other[0].weight.numpy())


def test_names_from_a_file_cannot_write_to_the_terminal(tmp_path):
    name = "\x1b[2J\x1b[31merror\nrun this\x07"
    weights = {**{key: value.numpy() for key, value in net().state_dict().items()}, name: np.ones(1, "float32")}
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps(weights, 4))
    with pytest.raises(UserError) as error:
        load_weights(net(), tmp_path / "w.pdparams")
    assert str(error.value).isprintable() and "1 are not in the model" in str(error.value)
    (tmp_path / "w.pdparams").write_bytes(pickle.dumps({name: np.ones(1, "float32")}, 4))
    with pytest.raises(UserError) as error:
        set_pretrained(net(), tmp_path / "w.pdparams", "model.pretrained")
    assert str(error.value).isprintable()


def test_a_name_that_no_file_can_have_is_one_sentence():
    with pytest.raises(UserError, match=r"cannot be read \(File name too long\)"):
        load_weights(net(), "a" * 300)
