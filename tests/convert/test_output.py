"""Converted weights and the record beside them, on disk."""

import json
import pickle

import numpy as np
import paddle

from paddleseg_ext.convert import output


def test_weights_and_their_record(tmp_path):
    path = tmp_path / "w.pdparams"
    output.write({"a": np.arange(3, dtype="float32")}, path, {"source": "made up"})
    np.testing.assert_array_equal(np.asarray(paddle.load(str(path))["a"]), [0, 1, 2])
    assert json.loads(output.record_path(path).read_text()) == {"source": "made up"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["w.pdparams", "w.pdparams.json"]


def test_arrays_are_not_kept_in_memory_twice(tmp_path, monkeypatch):
    """The pickler would keep a copy of each until the end; ``fast`` is what stops it."""
    picklers = []

    class Spy(pickle.Pickler):
        def dump(self, value):
            picklers.append(self.fast)
            super().dump(value)

    monkeypatch.setattr(output.pickle, "Pickler", Spy)
    output.write({"a": np.zeros(3, "float32")}, tmp_path / "w.pdparams", {})
    assert picklers == [1]
