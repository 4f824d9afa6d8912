"""The files of a comparison, as reprod_log reads them."""

import numpy as np

from paddleseg_ext.parity import files
from paddleseg_ext.parity.limits import Difference


def test_arrays_are_saved_as_reprod_log_does(tmp_path):
    answer = {
        "names": np.array(["a"]),
        "float64/loss/total": np.float64(4),
        "float64/backward/gradient_norm.a": np.array(2.0),
        "float64/backward/a.running_mean": np.arange(3.0),
    }
    paths = files.save(tmp_path, "paddle", answer)
    assert {str(path.relative_to(tmp_path)) for path in paths} == {
        "float64/loss_paddle.npy",
        "float64/backward_paddle.npy",
    }
    # What reprod_log's ReprodDiffHelper.load_info does.
    loaded = np.load(tmp_path / "float64" / "backward_paddle.npy", allow_pickle=True).tolist()
    assert set(loaded) == {"gradient_norm.a", "a.running_mean"}
    np.testing.assert_array_equal(loaded["a.running_mean"], np.arange(3.0))


def test_differences_by_step(tmp_path):
    found = [
        Difference("float32", "forward", "logits", "absolute", mean=2.1e-6, largest=4.2e-6, limit=5e-5),
        Difference("float32", "loss", "total", "relative", mean=1.0, largest=1.0, limit=1e-5),
    ]
    files.save_differences(tmp_path, found)
    assert (tmp_path / "float32" / "forward_diff.txt").read_text().endswith("limit 5e-05, PASS\n")
    assert (tmp_path / "float32" / "loss_diff.txt").read_text().endswith("limit 1e-05, FAIL\n")
