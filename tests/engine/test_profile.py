"""--profiler_options: which steps are profiled, what is written, when the run ends."""

import json

import paddle
import pytest

from paddleseg_ext.engine.profile import StepProfiler
from paddleseg_ext.errors import UserError


@pytest.mark.parametrize("leave, ends", [("", True), (";exit_on_finished=false", False)])
def test_a_range_of_steps(tmp_path, capsys, leave, ends):
    options = f"batch_range=[1,3];state=CPU;sorted_key=max;profile_path={tmp_path / 'profile'}{leave}"
    profiler = StepProfiler(options)
    done = []
    for _ in range(5):
        paddle.matmul(paddle.ones([8, 8]), paddle.ones([8, 8]))
        done.append(profiler.after_step())
    assert done == [False, False, ends, False, False]
    (path,) = (tmp_path / "profile").glob("*.json")
    assert any("matmul" in event.get("name", "") for event in json.loads(path.read_text())["traceEvents"])
    assert f"The profile of steps 1 to 3 is in {tmp_path / 'profile'}" in capsys.readouterr().out


def test_options_that_are_no_pairs():
    with pytest.raises(UserError, match=r"--profiler_options 'batch_range': write key=value;key=value"):
        StepProfiler("batch_range")


@pytest.mark.parametrize("options", ["state=TPU", "state=CPU;sorted_key=calls"])
def test_unknown_words(options):
    with pytest.raises(UserError, match=r"state is one of CPU, GPU, All and sorted_key one of total, ave, max, min"):
        StepProfiler(options)
