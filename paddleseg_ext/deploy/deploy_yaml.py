"""``deploy.yaml``: the description of an exported model.

It has PaddleSeg's ``Deploy`` section (model, params, transforms, input_shape, output_op, output_dtype) with the names
of the files that are there. It also holds what PaddleSeg takes from the training configuration: the test protocol, the
classes, the colors and the custom operators.
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np
import paddleseg.transforms as T
import yaml
from paddleseg.cvlibs import manager

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.protocol.inference import InferenceProtocol, protocol_of

NAME = "deploy.yaml"
OUTPUT_OPS = ("argmax", "softmax", "none", "features")


@dataclass(frozen=True)
class Deploy:
    """An exported model.

    Attributes:
        folder: The folder of the files.
        model, params: File names in ``folder``: the program, and its weights.
        transforms: PaddleSeg's list of preprocessing steps.
        img_channels: 1 or 3.
        input_shape: (N, C, H, W); -1 is any.
        output_op: ``argmax`` gives labels (N, H, W), ``softmax`` gives probabilities (N, classes, H, W), ``none`` gives
            logits (N, classes, H, W), ``features`` gives logits at the size of the features, for ``resize_once``.
        output_dtype: The dtype of the output, e.g. ``int32``.
        custom_ops: Operators that must be registered before the model is loaded.
        class_names: One for each class.
        palette: Colors, uint8 (256, 3), red green blue.
        paddle_version: The release that exported the model.
        test_config: The keys of ``InferenceProtocol`` that are not the default.
    """

    folder: Path
    model: str
    params: str
    transforms: list[dict[str, Any]]
    img_channels: int
    input_shape: tuple[int, ...]
    output_op: str
    output_dtype: str
    custom_ops: tuple[str, ...]
    class_names: list[str]
    palette: np.ndarray
    paddle_version: str
    test_config: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def protocol(self) -> InferenceProtocol:
        """The test protocol in ``test_config``."""
        return protocol_of(self.test_config)

    def preprocess(self) -> T.Compose:
        """Return the transforms, ready to run."""
        return preprocessing(self.transforms, self.img_channels, self.folder / NAME)


def preprocessing(transforms: list[dict[str, Any]], img_channels: int, where: Union[str, Path]) -> T.Compose:
    """Return PaddleSeg's list of preprocessing steps, ready to run.

    Args:
        transforms: One dict for each step: ``type``, and the arguments.
        img_channels: 1 or 3.
        where: The file of the list, for the error sentence.

    Raises:
        UserError: A transform does not exist.
    """
    steps = []
    for item in transforms:
        arguments = {key: value for key, value in item.items() if key != "type"}
        if item.get("type") not in manager.TRANSFORMS.components_dict:
            raise UserError(f"{where}: there is no transform {item.get('type')!r}; correct its name.")
        steps.append(manager.TRANSFORMS[item["type"]](**arguments))
    return T.Compose(steps, img_channels=img_channels)


def write_deploy(deploy: Deploy) -> Path:
    """Write ``deploy.yaml`` into ``deploy.folder``, whole or not at all, and return its path."""
    content = {
        "model": deploy.model,
        "params": deploy.params,
        "transforms": deploy.transforms,
        "test_config": deploy.test_config,
        "img_channels": deploy.img_channels,
        "input_shape": list(deploy.input_shape),
        "output_op": deploy.output_op,
        "output_dtype": deploy.output_dtype,
        "custom_ops": list(deploy.custom_ops),
        "class_names": list(deploy.class_names),
        "palette": deploy.palette[: len(deploy.class_names)].tolist(),
        "paddle_version": deploy.paddle_version,
        # The program is small. The weights are in a file of their own, which has no checksum.
        "model_sha256": hashlib.sha256((deploy.folder / deploy.model).read_bytes()).hexdigest(),
    }
    path = deploy.folder / NAME
    with write_whole(path) as temporary:
        # default_flow_style=None keeps a list of numbers, such as a color, on one line.
        text = yaml.safe_dump({"Deploy": content}, sort_keys=False, default_flow_style=None, width=120)
        temporary.write_text(text, encoding="utf-8")
    return path


def read_deploy(path: Union[str, Path]) -> Deploy:
    """Read a ``deploy.yaml`` of ours or of PaddleSeg, and check the files that it names.

    Args:
        path: The file, or its folder.

    Raises:
        UserError: The file or a file that it names is missing, it is not what export.py writes, or it was written for
            another program.
    """
    path = Path(path)
    if path.is_dir():
        path = path / NAME
    if not path.is_file():
        raise UserError(f"--config: {path} does not exist; give the deploy.yaml that export.py wrote.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content = content["Deploy"]
        model, params = content["model"], content["params"]
        transforms = content["transforms"] or []
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise UserError(
            f"{path} is not the deploy.yaml of an exported model (Deploy: model, params, transforms); run export.py "
            "again."
        ) from None
    for what, name in (("model", model), ("params", params)):
        file = path.parent / name
        if not file.is_file() or file.stat().st_size == 0:
            state = "empty" if file.is_file() else "missing"
            raise UserError(f"{file} is {state}, but {path} names it as the {what} file; run export.py again.")
    program = (path.parent / model).read_bytes()
    digest = hashlib.sha256(program).hexdigest()
    if content.get("model_sha256", digest) != digest:
        raise UserError(
            f"{path.parent / model} is damaged, or {path} was written for another model; run export.py again."
        )
    output_op = content.get("output_op", "argmax")
    if output_op not in OUTPUT_OPS:
        raise UserError(f"{path}: output_op is {output_op!r} and must be one of {', '.join(OUTPUT_OPS)}.")
    test_config = content.get("test_config") or {}
    try:
        resize_once = protocol_of(test_config).resize_once
    except (UserError, AttributeError) as error:
        raise UserError(f"{path}: test_config: {error}; run export.py again.") from None
    if resize_once != (output_op == "features"):
        raise UserError(
            f"{path}: resize_once in test_config and output_op features are only for each other; run export.py again."
        )
    palette = np.zeros((256, 3), dtype=np.uint8)
    colors = content.get("palette") or []
    if colors:
        palette[: len(colors)] = colors
    return Deploy(
        folder=path.parent,
        model=model,
        params=params,
        transforms=transforms,
        img_channels=content.get("img_channels", 3),
        input_shape=tuple(content.get("input_shape") or (-1, 3, -1, -1)),
        output_op=output_op,
        output_dtype=content.get("output_dtype", "int32"),
        # PaddleSeg's deploy.yaml does not name them, and Paddle's message about an unknown operator does not help.
        custom_ops=tuple(content.get("custom_ops") or (["psamask"] if b"psamask" in program else ())),
        class_names=list(content.get("class_names") or ()),
        palette=palette,
        paddle_version=str(content.get("paddle_version", "")),
        test_config=test_config,
    )
