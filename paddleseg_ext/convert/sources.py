"""Whose checkpoint it is, read off the names in it, and which of them hold the weights.

A checkpoint is what a training script saved: the weights, often below an entry of their own, beside the state of the
optimizer and whatever else that script goes on from. All that is left out on purpose is on one of two lists here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from paddleseg_ext.convert.names import our_backbone_name, our_name
from paddleseg_ext.convert.notes import INPLACE_ABN
from paddleseg_ext.weights.refusal import Refused, shown

# Where the weights are: mmsegmentation, semseg and openseg say state_dict, SSSegmentation says model.
ENTRIES = ("state_dict", "model")
# What else the training scripts save beside the weights, and what it is.
LEFT_OUT_ENTRIES = {
    "optimizer": "state of the optimizer",
    "meta": "mmsegmentation's notes",
    "message_hub": "mmengine's log",
    "param_schedulers": "mmengine's schedules",
    # EMAHook swaps the two before it saves.
    "ema_state_dict": "mmengine's weights without the moving average that state_dict then is (--entry takes them)",
    "model_ema": "SSSegmentation's moving average of the weights (--entry model_ema takes it)",
    "cur_epoch": "SSSegmentation's progress",
    "cur_iter": "SSSegmentation's progress",
    "grad_scaler": "state of mixed precision",
    "amp": "state of mixed precision",
    "epoch": "progress of semseg and of earlier SSSegmentation",
    "config_dict": "openseg's configuration",
    "StructuredToParameterName@@": "Paddle's names of the tensors",
}
_TRACKED = "num_batches_tracked"
_CLASSIFIERS = ("fc.weight", "fc.bias", "out.weight", "out.bias")
LEFT_OUT_WEIGHTS = {
    _TRACKED: "count of batches that torch's batch normalisation has seen",
    **dict.fromkeys(_CLASSIFIERS, "ImageNet classifier, of files that hold a backbone alone"),
    "steps": "count of mmengine's moving average",
}

TITLES = {
    "ssseg": "SSSegmentation",
    "mmseg": "mmsegmentation",
    "semseg": "semseg",
    "openseg": "openseg.pytorch",
    "psanet_paddle": "PSANet_paddle",
    "paddleseg": "PaddleSeg",
    "imagenet": "an ImageNet backbone",
}
# (source, model, what some name of its checkpoints begins with). Whatever has Paddle's names of statistics is only
# compared with the Paddle projects, all else only with the others.
_TORCH = (
    ("ssseg", "psanet", ("backbone_net.", "attention.")),
    ("ssseg", "pspnet", ("backbone_net.", "ppm_net.")),
    ("ssseg", "isanet", ("backbone_net.", "global_relation.")),
    ("mmseg", "psanet", ("decode_head.attention.", "decode_head.proj.")),
    ("mmseg", "pspnet", ("decode_head.psp_modules.",)),
    ("mmseg", "isanet", ("decode_head.global_relation.",)),
    ("semseg", "psanet", ("layer0.", "psa.")),
    ("semseg", "pspnet", ("layer0.", "ppm.")),
    ("openseg", "isanet", ("isa_head.",)),
    ("openseg", "backbone", ("resinit.", "layer1.0.", "layer4.0.")),
    ("imagenet", "backbone", ("layer1.0.", "layer4.0.")),
    # Before it renames them, openseg.pytorch's file has the names of the others'; only --source tells.
    ("openseg", "backbone", ("conv1.", "layer1.0.", "layer4.0.")),
)
_PADDLE = (
    ("psanet_paddle", "psanet", ("psa.",)),
    ("paddleseg", "pspnet", ("head.psp_module.",)),
    ("paddleseg", "isanet", ("head.global_relation.",)),
    ("imagenet", "backbone", ("layer1.0.", "layer4.0.")),
    ("imagenet", "backbone", ("conv1_1.", "bb_0_0.")),
)
# The models of each implementation; a backbone alone is of none.
MODELS_OF = {
    source: sorted({model for name, model, _ in (*_TORCH, *_PADDLE) if name == source} - {"backbone"})
    for source in TITLES
    if source != "imagenet"
}
# Names by which a project is known whose model is none of the three.
_FAMILIES = (
    ("mmseg", "decode_head."),
    ("ssseg", "backbone_net."),
    ("semseg", "layer0."),
    ("openseg", "backbone.resinit."),
)
_PREFIX = "module."
# Other names of the same thing: a list of one auxiliary head (mmsegmentation), an earlier SSSegmentation's pyramid.
_ALIASES = {
    "mmseg": (("auxiliary_head.0.", "auxiliary_head."),),
    "ssseg": (("ppm_net.fuse_layer.", "ppm_net.bottleneck."),),
}


@dataclass(frozen=True)
class Weights:
    """The weights of a checkpoint.

    Attributes:
        source: A key of ``TITLES``.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        entry: The checkpoint's entry that holds them; None: they are the checkpoint.
        tensors: Array by the checkpoint's name, without what is left out.
        left_out: Names in the checkpoint that are not wanted.
        paddle_names: Whether its names are Paddle's, and so ours.
    """

    source: str
    model: str
    entry: Optional[str]
    tensors: dict
    left_out: tuple
    paddle_names: bool

    @property
    def title(self) -> str:
        """Such as "SSSegmentation's PSANet"."""
        if self.model == "backbone":
            return TITLES["imagenet"] + ("" if self.source == "imagenet" else f" of {TITLES[self.source]}")
        return f"{TITLES[self.source]}'s {self.model[:3].upper()}Net"

    def name_here(self, theirs: str) -> Optional[str]:
        """What our model calls it; None if it has no counterpart."""
        name = theirs[len(_PREFIX) :] if theirs.startswith(_PREFIX) else theirs
        if self.paddle_names:
            return name
        for old, new in _ALIASES.get(self.source, ()):
            if name.startswith(old):
                name = new + name[len(old) :]
        if self.model == "backbone":
            return our_backbone_name(name)
        return our_name(name, self.source, self.model)


def find_weights(checkpoint: Any, entry: Optional[str] = None, source: Optional[str] = None) -> Weights:
    """Find the weights in what a file of weights held.

    Args:
        checkpoint: A mapping of names to arrays, or one that holds such a mapping.
        entry: Which entry to take, whatever else there is; None finds it.
        source: Whose checkpoint it is; None finds it.

    Raises:
        Refused: It holds no weights, or those of something else.
    """
    if not isinstance(checkpoint, Mapping):
        raise Refused(f"holds a {type(checkpoint).__name__}, not the weights of a model by name")
    left_out = []
    found = entry
    if found is None:
        # An empty one is what a wrapper left behind.
        filled = [e for e in ENTRIES if isinstance(checkpoint.get(e), Mapping)]
        found = next((e for e in filled if checkpoint[e]), filled[0] if filled else None)
    if found is None:
        held = checkpoint
    else:
        held = _within(checkpoint, found)
        if held is None:
            there = [shown(key) for key in checkpoint if isinstance(checkpoint[key], Mapping)]
            there += [name for name in _holders(checkpoint) if name not in there]
            raise Refused(f"has no entry {found} that holds weights; entries that could: {', '.join(there) or 'none'}")
        if not held:
            raise Refused(f"holds no weights in its entry {found}; {_cure(checkpoint, found)}")
        for key in checkpoint:
            if entry is None and key != found and key not in (*LEFT_OUT_ENTRIES, *ENTRIES):
                raise Refused(
                    f"holds an entry {shown(key)} that no training script known here writes; if the weights in its "
                    f"entry {found} are all that matters, say --entry {found}"
                )
        left_out += [str(key) for key in checkpoint if key != found]
    tensors = {}
    for key, value in held.items():
        if key in LEFT_OUT_ENTRIES and found is None:
            left_out.append(key)
        elif not isinstance(key, str) or not hasattr(value, "shape") or not hasattr(value, "dtype"):
            kind = type(value).__name__
            raise Refused(f"has {shown(key)} of type {kind} among its weights; {_cure(checkpoint, found)}")
        else:
            tensors[key] = value
    if not tensors:
        raise Refused(f"holds no weights; {_cure(checkpoint, found)}")
    source, model = recognise(tensors, source)
    unwanted = [name for name in tensors if _is_left_out(name, model)]
    for name in unwanted:
        del tensors[name]
    found_weights = Weights(source, model, found, tensors, (*left_out, *unwanted), _uses_paddle_names(tensors))
    _refuse_what_differs(found_weights)
    return found_weights


def _within(checkpoint: Mapping, entry: str) -> Optional[Mapping]:
    """The mapping ``entry`` of a checkpoint, dots going deeper; None if there is none."""
    if isinstance(checkpoint.get(entry), Mapping):
        return checkpoint[entry]
    first, dot, rest = entry.partition(".")
    return _within(checkpoint[first], rest) if dot and isinstance(checkpoint.get(first), Mapping) else None


def _holders(held: Mapping, above: str = "", depth: int = 3) -> list:
    """Entries of a checkpoint that hold tensors, as ``--entry`` names them."""
    found = []
    for key, value in held.items():
        if isinstance(key, str) and isinstance(value, Mapping):
            name = f"{above}{key}"
            if any(hasattr(one, "shape") for one in value.values()):
                found.append(shown(name))
            elif depth > 1:
                found += _holders(value, f"{name}.", depth - 1)
    return found


def _cure(checkpoint: Mapping, found: Optional[str]) -> str:
    """What to do about a file whose weights are not where they are looked for, the entry ``found``."""
    entries = [name for name in _holders(checkpoint) if name != found]
    if not entries:
        return "give what a training script saved"
    return f"if they are in its entry {entries[0]}, say --entry {entries[0]}" + (
        f" (others that hold tensors: {', '.join(entries[1:6])})" if entries[1:] else ""
    )


def recognise(names: Iterable[str], source: Optional[str] = None) -> tuple:
    """(source, model) of a checkpoint with these ``names``.

    Args:
        source: Whose it is; None finds it.

    Raises:
        Refused: It is of nobody that is known here, or not of ``source``.
    """
    bare = [name[len(_PREFIX) :] if name.startswith(_PREFIX) else name for name in names]
    for candidate, model, beginnings in _PADDLE if _uses_paddle_names(bare) else _TORCH:
        if source in (None, candidate) and all(any(name.startswith(start) for name in bare) for start in beginnings):
            return candidate, model
    first = ", ".join(shown(name, 60) for name in bare[:3])
    if source is not None:
        raise Refused(f"has names (first {first}) that are not those of {TITLES[source]}; leave --source out")
    for family, start in _FAMILIES:
        if any(name.startswith(start) for name in bare):
            raise Refused(
                f"is of {TITLES[family]}, but of none of its PSPNet, PSANet and ISANet (first names {first}); "
                "only these can be converted"
            )
    known = ", ".join(TITLES[name] for name in TITLES if name != "imagenet")
    raise Refused(f"has names (first {first}) of nobody known here; known are {known} and ImageNet backbones")


def _uses_paddle_names(names: Iterable[str]) -> bool:
    """Whether the statistics of batch normalisation are called as Paddle calls them."""
    return any(name.endswith(("._mean", "._variance")) for name in names)


def _is_left_out(name: str, model: str) -> bool:
    if name.rpartition(".")[2] == _TRACKED or name == "steps":
        return True
    return model == "backbone" and name[len(_PREFIX) if name.startswith(_PREFIX) else 0 :] in _CLASSIFIERS


def _refuse_what_differs(weights: Weights) -> None:
    """Refuse networks that compute something else although most of their names are those of ours."""
    bare = {name[len(_PREFIX) :] if name.startswith(_PREFIX) else name: name for name in weights.tensors}
    if "isa_head.1.weight" in bare:
        raise Refused(INPLACE_ABN)
    if not any(name.endswith((".running_mean", "._mean")) for name in bare):
        raise Refused(
            "holds no running statistics: it was built without batch normalization (mmsegmentation's norm_cfg=None or "
            "GN), or saved without buffers; the models here have it after each convolution, so it cannot be converted"
        )
    for stem in ("conv1.weight", "backbone.conv1.weight", "backbone_net.conv1.weight", "resinit.conv1.weight"):
        shape = tuple(weights.tensors[bare[stem]].shape) if stem in bare else ()
        if len(shape) == 4 and shape[2:] == (7, 7):
            raise Refused(
                "holds a ResNet that begins with one 7x7 convolution, as torchvision's; the backbones here begin with "
                "three 3x3 convolutions (v1c, deep stem), so use weights of such a one, e.g. OpenMMLab's resnet50_v1c"
            )
