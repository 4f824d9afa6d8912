"""An exported model instead of a live one, so that the same test protocol makes labels of both."""

import time
from collections.abc import Sequence
from typing import Union

import numpy as np
import paddle

from paddleseg_ext.deploy.deploy_yaml import NAME, Deploy
from paddleseg_ext.deploy.predictor import Predictor
from paddleseg_ext.errors import UserError


class ExportedModel(paddle.nn.Layer):
    """Returns [scores] for a batch of images, as the models in ``models/`` return [logits].

    The label is the class of the largest score. Scores are logits or probabilities. If the model returns labels, the
    scores are 1 for the label and 0 for the other classes. A model with ``output_op: features`` also has
    ``feature_logits``.

    Args:
        predictor: The loaded model.
        deploy: The description of the model.

    Attributes:
        seconds: The time in Paddle Inference so far.
    """

    def __init__(self, predictor: Predictor, deploy: Deploy) -> None:
        super().__init__()
        self.seconds = 0.0
        self._predictor = predictor
        self._deploy = deploy
        if deploy.output_op == "features":
            self.feature_logits = self.forward

    def forward(self, images: paddle.Tensor) -> list[paddle.Tensor]:
        """Images (N, C, H, W) to [scores (N, classes, h, w)].

        Raises:
            UserError: The model has a fixed size and the images another, or its classes are not those of
                ``deploy.yaml``.
        """
        output = self._run(images.numpy())
        if self._deploy.output_op == "argmax":
            classes = np.arange(len(self._deploy.class_names) or output.max() + 1)
            output = (output[:, np.newaxis] == classes[:, np.newaxis, np.newaxis]).astype(np.float32)
        return [paddle.to_tensor(output)]

    def labels(self, images: Union[np.ndarray, Sequence[np.ndarray]], trans_info: Sequence) -> np.ndarray:
        """Segment prepared images of one original size by the protocol in ``deploy.yaml``.

        Args:
            images: (N, C, H, W), float32, or one such batch for each scale: see ``InferenceProtocol.transforms``.
            trans_info: The record of the transforms. All N images have the same.

        Returns:
            Class indices, uint8 (N, height, width), at the original size.
        """
        are_labels = self._deploy.output_op == "argmax" and not any(kind == "resize" for kind, _ in trans_info)
        if isinstance(images, np.ndarray) and are_labels:
            labels = self._run(images)
            for _, (height, width, *corner) in reversed(trans_info):
                top, left = corner or (0, 0)
                labels = labels[:, top : top + height, left : left + width]
            return labels.astype(np.uint8)
        tensors = paddle.to_tensor(images) if isinstance(images, np.ndarray) else [paddle.to_tensor(x) for x in images]
        return self._deploy.protocol(self, tensors, trans_info)[0].numpy()[:, 0].astype(np.uint8)

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Return the model's output. If its batch is fixed and larger than N, copies of the last image fill it."""
        wanted = self._deploy.input_shape
        if any(want not in (-1, have) for have, want in zip(images.shape[1:], wanted[1:])):
            raise UserError(
                f"the image, or a window of it, is {_size(images.shape)} (C, H, W) after the transforms, but the model "
                f"was exported for {_size(wanted)}; export it again without --input_shape."
            )
        start, at_once = time.perf_counter(), wanted[0] if wanted[0] > 0 else len(images)
        outputs = []
        for first in range(0, len(images), at_once):
            part = images[first : first + at_once]
            missing = max(0, wanted[0] - len(part))
            outputs.append(self._predictor(np.concatenate([part, *[part[-1:]] * missing]))[: len(part)])
        output = np.concatenate(outputs) if len(outputs) > 1 else outputs[0]
        self.seconds += time.perf_counter() - start
        self._check_classes(output)
        return output

    def _check_classes(self, output: np.ndarray) -> None:
        names = len(self._deploy.class_names)
        found = output.max() + 1 if self._deploy.output_op == "argmax" else output.shape[1]
        if names and (found > names if self._deploy.output_op == "argmax" else found != names):
            raise UserError(
                f"{self._deploy.folder / NAME} names {names} classes, but the model beside it has {found}: the two "
                "come from different exports; run export.py again."
            )


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape[1:]))
