"""What the real torch wrote, read without it: every tensor and every number as torch.load gives them."""

import json

import numpy as np
import pytest

from paddleseg_ext.weights.weight_file import open_checkpoint
from tests.peers.test_convert import settings_of


def flatten(value, place, tensors, plain):
    if isinstance(value, dict):
        for key, inner in value.items():
            flatten(inner, f"{place}/{key}", tensors, plain)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            flatten(inner, f"{place}/{index}", tensors, plain)
    elif isinstance(value, np.ndarray):
        tensors[place] = value
    elif isinstance(value, (int, float, str, type(None))):
        plain[place] = value


def compare(path, theirs):
    tensors, plain = {}, {}
    flatten(open_checkpoint(path), "", tensors, plain)
    wanted = {name[len("tensor:") :]: array for name, array in theirs.items() if name.startswith("tensor:")}
    assert list(tensors) == list(wanted)
    for place, array in wanted.items():
        assert tensors[place].dtype == array.dtype, place
        np.testing.assert_array_equal(tensors[place], array, err_msg=place)
    assert plain == json.loads(str(theirs["plain"]))
    return tensors


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_examples_of_torch(peer, tmp_path, legacy):
    path = tmp_path / "examples.pth"
    tensors = compare(path, peer("torch_file", settings={"write": str(path), "legacy": legacy}))
    assert len(tensors) > 60
    assert np.shares_memory(tensors["/views/base"], tensors["/views/transposed"])
    assert np.shares_memory(tensors["/views/base"], tensors["/parameters/0"])


@pytest.mark.parametrize("who", ["ssseg", "mmseg"])
def test_checkpoints_of_the_peers_own_savers(peer, tmp_path, who):
    settings, _ = settings_of(who, "psanet", 18, tmp_path)
    images = np.random.RandomState(0).randn(2, 3, 65, 65).astype(np.float32)
    labels = np.random.RandomState(1).randint(0, settings["num_classes"], (2, 65, 65))
    peer("convert", settings=settings, images=images, labels=labels, image=images[:1])
    tensors = compare(settings["path"], peer("torch_file", settings={"load": settings["path"]}))
    assert any("momentum_buffer" in place for place in tensors)
