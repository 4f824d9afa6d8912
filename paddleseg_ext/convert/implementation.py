"""The facts of a published implementation that the converter needs; ``implementations/`` has a file for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

from paddleseg_ext.convert.notes import Notes

# {our prefix: their prefix}. A pair names a convolution and the batch normalization after it.
Names = Mapping[str, Union[str, tuple[str, str]]]

# Names of our backbones that several tables need: the layers of the stem, and the stages.
STEM = tuple(zip((0, 1, 3, 4, 6, 7), ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")))
STAGES = tuple(f"layer{k}" for k in range(1, 5))
# A pyramid may have any number of levels; no published one has more than four.
LEVELS = range(10)
IMAGENET_PIXELS = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": 255, "channel_order": "RGB"}


@dataclass(frozen=True)
class Known:
    """Names that show whose checkpoint it is.

    Attributes:
        model: The model that the checkpoint then holds: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        beginnings: The checkpoint has at least one name with each of these beginnings.
        paddle_names: Whether the statistics have Paddle's names (``_mean``) instead of torch's (``running_mean``).
        if_asked: Others have the same names, so they count only where the user says whose checkpoint it is.
    """

    model: str
    beginnings: tuple[str, ...]
    paddle_names: bool = False
    if_asked: bool = False


@dataclass(frozen=True)
class Case:
    """The facts that decide how an implementation tests one checkpoint.

    Attributes:
        model: 'pspnet', 'psanet' or 'isanet'.
        is_cityscapes: Whether there are as many classes as in Cityscapes, whose pictures are larger than others.
        settings: {key of the YAML: value that the model needs}.
        notes: The notes beside the weights.
        steps: The validation transforms of the YAML that is being corrected.
    """

    model: str
    is_cityscapes: bool
    settings: Mapping[str, Any]
    notes: Notes
    steps: Sequence[Mapping] = ()

    def resize_by_ratio(self) -> dict[str, Any]:
        """The resize of SSSegmentation and mmsegmentation: the YAML's own size if it has one of this kind."""
        for step in self.steps:
            if step.get("type") == "ResizeByRatio" and not {"fit", "interpolation"} & set(step):
                return dict(step)
        return {"type": "ResizeByRatio", "base_size": [2048, 1024 if self.is_cityscapes else 512]}


@dataclass(frozen=True)
class Protocol:
    """The test protocol of an implementation, at a single scale where it has a choice.

    ``test_config`` is the section of the YAML. ``before`` and ``after`` are steps about sizes, around ``Normalize``.
    """

    test_config: dict = field(default_factory=dict)
    before: list[dict] = field(default_factory=list)
    after: list[dict] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Implementation:
    """A published implementation.

    Attributes:
        name: The word for it: in YAML files its layout, on the command line ``--implementation``.
        title: The name that it gives itself.
        address: Where it is published.
        version: The version or commit that all facts here come from; None if it has no versions.
        known_by: Names that show that a checkpoint is its own, the most telling first.
        family: The beginning of the names of all its models, including models that cannot be converted.
        conv_bn: Its names of a convolution and the batch normalization below a common prefix.
        backbone: Names of the backbone within its models.
        heads: Names of the rest, by model.
        aliases: Other beginnings of its names, (other, the one in the tables).
        refused: Names of weights that a model here cannot have, with the rest of a sentence that begins with the file.
        entry: The entry of a checkpoint that holds the weights.
        left_out: Entries beside the weights that are not wanted, and what they are.
        left_out_weights: Names among the weights that are not wanted, and what they are.
        settings: Settings of each of its checkpoints that shapes do not show, by the YAML's keys.
        backbone_settings: Settings of its ImageNet weights, in the same form.
        noted: Keys of settings that ``read_notes`` may find.
        read_notes: Reads what training noted in a checkpoint of a model; raises ``Refused`` for what no YAML can say.
        protocol: Its test protocol.
    """

    name: str
    title: str
    address: str
    version: Optional[str]
    known_by: tuple[Known, ...]
    family: Optional[str] = None
    conv_bn: tuple[str, str] = ("0", "1")
    backbone: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, Names] = field(default_factory=dict)
    aliases: tuple[tuple[str, str], ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    entry: str = "state_dict"
    left_out: Mapping[str, str] = field(default_factory=dict)
    left_out_weights: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    backbone_settings: Mapping[str, Any] = field(default_factory=dict)
    noted: frozenset[str] = frozenset()
    read_notes: Callable[[Mapping, str], Notes] = lambda checkpoint, model: Notes()
    protocol: Callable[[Case], Protocol] = lambda case: Protocol()

    @property
    def models(self) -> list[str]:
        """The models whose checkpoints can be converted, sorted. A backbone alone does not count."""
        return sorted({known.model for known in self.known_by} - {"backbone"})

    def fixed_settings(self, model: str) -> dict[str, Any]:
        """Settings that every checkpoint of ``model`` needs although its weights do not show them."""
        return {**(self.backbone_settings if model == "backbone" else {"model.layout": self.name, **self.settings})}
