"""Export to ONNX. The file is compared with the live model in onnxruntime before it is kept.

paddle2onnx has three habits that this module works around:

* It writes wrong graphs without an error, so each graph is checked.
* An operator that it does not know ends its process, so it runs in a process of its own.
* When it writes a file, it calls pip, for the helper that folds constants. Here it returns the graph instead, and
  nothing is installed.
"""

import dataclasses
import faulthandler
import functools
import importlib
import json
import multiprocessing
import os
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
from paddleseg.utils import logger

from paddleseg_ext.deploy.comparison import Comparison
from paddleseg_ext.deploy.deploy_yaml import Deploy
from paddleseg_ext.deploy.export import Form, save_program
from paddleseg_ext.errors import UserError, one_line

NAME = "model.onnx"
# The key of the model's metadata. deploy/onnx/infer.py finds the content of deploy.yaml there.
SETTINGS = "paddleseg_ext"
# The oldest that the models can use, so most runtimes read it. Later ones have no operator that is used here.
OPSET = 13
OPSETS = range(OPSET, 18)
PACKAGES = ("paddle2onnx", "onnx", "onnxruntime")
_INSTALL = "python -m pip install -e '.[onnx]' -c constraints.txt"


def onnx_form(opset: int = OPSET) -> Form:
    """Return the form ``model.onnx``, a single file, for ``export``.

    Args:
        opset: The version of the ONNX operators, one of ``OPSETS``.

    Raises:
        UserError: A package is missing, or does not work with this Paddle.
    """
    packages()
    return Form(functools.partial(save_onnx, opset=opset), compare_onnx)


def packages() -> SimpleNamespace:
    """Import the packages that write and check ONNX, and return them by name.

    Raises:
        UserError: A package is missing, or does not work with this Paddle.
    """
    found = SimpleNamespace()
    for name in PACKAGES:
        try:
            setattr(found, name, importlib.import_module(name))
        except ImportError as error:
            missing = (error.name or name).partition(".")[0]
            raise UserError(f"ONNX needs {missing}, which cannot be imported ({error}); run: {_INSTALL}") from error
        except Exception as error:
            # paddle2onnx refuses a Paddle that is too old for it.
            raise UserError(
                f"Paddle {paddle.__version__} cannot write ONNX ({name}: {_first_sentence(error)}); export with "
                "Paddle 3."
            ) from error
    return found


def save_onnx(model: paddle.nn.Layer, wanted: Deploy, opset: int = OPSET) -> Deploy:
    """Trace and convert the model, and write ``model.onnx`` into ``wanted.folder``. ``compare_onnx`` checks it.

    Raises:
        UserError: The model cannot be traced or converted, or it was traced with a custom operator.
    """
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        program = save_program(model, dataclasses.replace(wanted, folder=Path(folder)))
        if program.custom_ops:
            raise UserError(
                f"ONNX does not have {', '.join(program.custom_ops)}, so the model must be traced with Paddle's own "
                "operators; set PADDLESEG_EXT_OPS=native."
            )
        graph = _converted(program, opset)
    deploy = dataclasses.replace(wanted, model=NAME)
    onnx = packages().onnx
    onnx.helper.set_model_props(graph, {SETTINGS: json.dumps(_settings(deploy))})
    try:
        onnx.checker.check_model(graph, full_check=True)
    except Exception as error:
        raise UserError(
            f"paddle2onnx made a graph of {type(model).__name__} that is not valid ONNX ({_first_sentence(error)}); "
            "nothing was written. Please report this with the configuration."
        ) from error
    domains = sorted({entry.domain for entry in graph.opset_import} - {"", "ai.onnx"})
    if domains:
        raise UserError(
            f"paddle2onnx made a graph with operators of {', '.join(domains)}, which no runtime has; nothing was "
            "written. Please report this with the configuration."
        )
    (deploy.folder / NAME).write_bytes(graph.SerializeToString())
    return deploy


def compare_onnx(deploy: Deploy, model: paddle.nn.Layer) -> float:
    """Run ``model.onnx`` in onnxruntime at several input sizes, and compare it with the live model.

    Returns:
        The largest difference; see ``Comparison``.

    Raises:
        UserError: The difference is too large, or onnxruntime cannot run the file.
    """
    comparison = Comparison(model, deploy.output_op, deploy.input_shape)
    try:
        worst = comparison.difference(OnnxPredictor(deploy.folder / deploy.model))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"onnxruntime cannot run what paddle2onnx made of {type(model).__name__} ({_first_sentence(error)}); "
            "nothing was written. Please report this with the configuration."
        ) from error
    logger.info(f"onnxruntime against the live model, {comparison}: largest difference {worst:.2e}.")
    comparison.require_small(worst)
    return worst


class OnnxPredictor:
    """An ONNX file in onnxruntime, on the CPU. Call it with a batch."""

    def __init__(self, path: Path) -> None:
        onnxruntime = packages().onnxruntime
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return the output for a batch (N, C, H, W), float32."""
        return self._session.run(None, {self._input: batch})[0]


def _converted(program: Deploy, opset: int) -> Any:
    """Convert a program on disk to an ``onnx.ModelProto``."""
    modules, graph, log = packages(), program.folder / "graph", program.folder / "log"
    paths = [str(program.folder / name) for name in (program.model, program.params)]
    # Forked, because the import of Paddle takes seconds. The child does not run Paddle.
    child = multiprocessing.get_context("fork").Process(target=_convert, args=(*paths, opset, graph, log))
    child.start()
    child.join()
    if child.exitcode or not graph.is_file():
        raise UserError(
            f"Paddle {paddle.__version__} and paddle2onnx {modules.paddle2onnx.__version__} cannot write this model as "
            f"ONNX of opset {opset}: {_reason(log)}; try another --opset, or export without --format onnx."
        )
    return modules.onnx.load_from_string(graph.read_bytes())


def _convert(model: str, params: str, opset: int, graph: Path, log: Path) -> None:
    """Write the graph, in a process of its own. All that the process prints, errors too, goes into ``log``."""
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.disable()  # it would still write to the terminal
    # Without a file name, paddle2onnx returns the graph before it calls pip.
    paddle2onnx = packages().paddle2onnx
    graph.write_bytes(paddle2onnx.export(model, params, None, opset_version=opset, auto_upgrade_opset=False))


def _reason(log: Path) -> str:
    """Return the first error that paddle2onnx logged."""
    text = re.sub(r"\x1b\[[\d;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    found = re.search(r"\[ERROR\](?:\[Paddle2ONNX\])?\s*(\S.*)", text)
    return found[1].strip().rstrip(".")[:300] if found else "paddle2onnx ended without a message"


def _settings(deploy: Deploy) -> dict[str, Any]:
    """Return the settings that deploy/onnx/infer.py reads."""
    return {
        "transforms": deploy.transforms,
        "test_config": deploy.test_config,
        "img_channels": deploy.img_channels,
        "input_shape": list(deploy.input_shape),
        "output_op": deploy.output_op,
        "class_names": deploy.class_names,
        "palette": deploy.palette[: len(deploy.class_names)].tolist(),
        "paddle_version": deploy.paddle_version,
    }


def _first_sentence(error: Exception) -> str:
    text = one_line(error)
    return text.split(". ")[0].rstrip(".")[:300]
