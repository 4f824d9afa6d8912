"""Functions of Paddle in a program of Paddle 2's format, against themselves on tensors."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F

from paddleseg_ext.deploy.older_program import OLDER_FORMS, older_functions, refusing_function

ROOT = Path(__file__).resolve().parents[2]
VALUES = np.random.RandomState(0).uniform(0.1, 0.9, (2, 4, 4)).astype(np.float32)
KEYWORDS = {"matmul": {"transpose_y": True}, "argmax": {"axis": 1, "dtype": "int32"}, "gelu": {"approximate": True}}


def called(name: str, x: paddle.Tensor) -> paddle.Tensor:
    function = getattr(paddle, name, None) or getattr(F, name)
    if name.startswith("logical"):
        arguments = (x > 0.5, x > 0.3)[: 1 if name == "logical_not" else 2]
    elif name in ("maximum", "minimum", "multiply", "greater_than", "bmm", "matmul"):
        arguments = (x, 1 - x)
    else:
        arguments = (x,)
    return function(*arguments, **KEYWORDS.get(name, {}))


def check_every_function() -> None:
    """What a child process runs: each function in an older program gives what it gives on tensors."""
    expected = {name: called(name, paddle.to_tensor(VALUES)).numpy() for name in OLDER_FORMS}
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    for name, values in expected.items():
        program = paddle.static.Program()
        with paddle.static.program_guard(program), older_functions():
            out = called(name, paddle.static.data("x", [-1, 4, 4], "float32"))
        assert isinstance(out, paddle.static.Variable), name
        (found,) = executor.run(program, feed={"x": VALUES}, fetch_list=[out])
        assert tuple(out.shape) == (-1, *values.shape[1:]), name
        assert found.dtype == values.dtype, name
        np.testing.assert_allclose(found, values, rtol=1e-6, err_msg=name)
    print(f"{len(expected)} functions")


def test_every_function_gives_in_an_older_program_what_it_gives_on_tensors():
    """FLAGS_enable_pir_api is read when Paddle is imported, so it takes a process of its own."""
    code = "from tests.engine.test_older_program import check_every_function; check_every_function()"
    environment = {**os.environ, "FLAGS_enable_pir_api": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"import paddleseg_ext; {code}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"{len(OLDER_FORMS)} functions" in done.stdout


def test_paddle_is_as_it_was_afterwards():
    before = paddle.matmul, F.sigmoid
    with older_functions():
        assert paddle.matmul is not before[0]
    assert (paddle.matmul, F.sigmoid) == before


def test_another_error_is_left_alone():
    assert refusing_function(TypeError("matmul(): argument 'x' must be Tensor, but got str")) is None
    assert refusing_function(TypeError("(InvalidType) roll(): argument (position 1) must be Value, but got Variable"))
