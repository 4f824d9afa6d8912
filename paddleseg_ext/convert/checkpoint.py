"""The weights of a checkpoint: the entry that holds them, and the implementation whose names they have.

A checkpoint is what a training script saved: the weights, often in an entry of their own, beside the state of the
optimizer and whatever else that script needs to continue. Each name that is left out on purpose has a reason, here or
with its implementation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from paddleseg_ext.convert.implementation import Implementation
from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.convert.implementations.imagenet import IMAGENET
from paddleseg_ext.convert.names import our_name
from paddleseg_ext.weights.refusal import Refused, shown

# What training scripts of several implementations save beside the weights.
_LEFT_OUT = {"optimizer": "state of the optimizer", **dict.fromkeys(("grad_scaler", "amp"), "state of mixed precision")}
_CLASSIFIERS = ("fc.weight", "fc.bias", "out.weight", "out.bias")
_PREFIX = "module."


@dataclass(frozen=True)
class Weights:
    """The weights of a checkpoint.

    Attributes:
        implementation: The implementation whose names they have.
        model: 'pspnet', 'psanet', 'isanet' or 'backbone'.
        entry: The checkpoint's entry that holds them; None: they are the checkpoint.
        tensors: {the checkpoint's name: array}, without the names in ``left_out``.
        left_out: Names in the checkpoint that are not wanted, and why ('' where the user's ``--entry`` decided).
        paddle_names: Whether its names are Paddle's, and so ours.
    """

    implementation: Implementation
    model: str
    entry: Optional[str]
    tensors: dict[str, Any]
    left_out: dict[str, str]
    paddle_names: bool

    @property
    def title(self) -> str:
        """A title for messages, such as "SSSegmentation's PSANet"."""
        title = self.implementation.title
        if self.model != "backbone":
            return f"{title}'s {self.model[:3].upper()}Net"
        return f"{IMAGENET.title} of {title}" if self.implementation.models else title

    @property
    def named_by(self) -> Implementation:
        """The implementation that has the table of its names."""
        return IMAGENET if self.model == "backbone" else self.implementation

    def name_here(self, theirs: str) -> Optional[str]:
        """Return our name for the checkpoint's name ``theirs``; None if our model does not have that weight."""
        name = theirs.removeprefix(_PREFIX)
        return name if self.paddle_names else our_name(name, self.named_by, self.model)


def find_weights(checkpoint: Any, entry: Optional[str] = None, implementation: Optional[str] = None) -> Weights:
    """Find the weights in the content of a file.

    Args:
        checkpoint: A mapping of names to arrays, or one that holds such a mapping.
        entry: The entry to take, even if other entries hold weights too; None finds it.
        implementation: The implementation that wrote the checkpoint, a key of ``IMPLEMENTATIONS``; None finds it.

    Raises:
        Refused: It holds no weights, or those of something else.
    """
    if not isinstance(checkpoint, Mapping):
        raise Refused(f"holds a {type(checkpoint).__name__}, not the weights of a model by name")
    reasons = dict(_LEFT_OUT)
    for one in IMPLEMENTATIONS.values():
        reasons.update(one.left_out)
    # Where several are filled, state_dict counts.
    entries = dict.fromkeys(("state_dict", *(one.entry for one in IMPLEMENTATIONS.values())))
    left_out = []
    found = entry
    if found is None:
        # A wrapper may have left an empty one behind.
        filled = [e for e in entries if isinstance(checkpoint.get(e), Mapping)]
        found = next((e for e in filled if checkpoint[e]), filled[0] if filled else None)
    held = checkpoint if found is None else _within(checkpoint, found)
    if held is None:
        there = [shown(key) for key in checkpoint if isinstance(checkpoint[key], Mapping)]
        there += [name for name in _holders(checkpoint) if name not in there]
        raise Refused(f"has no entry {found} that holds weights; entries that could: {', '.join(there) or 'none'}")
    if found is not None:
        if not held:
            raise Refused(f"holds no weights in its entry {found}; {_cure(checkpoint, found)}")
        for key in checkpoint:
            if entry is None and key != found and key not in (*reasons, *entries):
                raise Refused(
                    f"holds an entry {shown(key)} that no training script known here writes; if the weights in its "
                    f"entry {found} are all that matters, say --entry {found}"
                )
        left_out += [str(key) for key in checkpoint if key != found]
    tensors = {}
    for key, value in held.items():
        if key in reasons and found is None:
            left_out.append(key)
        elif not isinstance(key, str) or not hasattr(value, "shape") or not hasattr(value, "dtype"):
            kind = type(value).__name__
            raise Refused(f"has {shown(key)} of type {kind} among its weights; {_cure(checkpoint, found)}")
        else:
            tensors[key] = value
    if not tensors:
        raise Refused(f"holds no weights; {_cure(checkpoint, found)}")
    whose, model = recognize(tensors, implementation)
    reasons.update(whose.left_out)
    why = {name: reasons.get(name, "") for name in left_out}
    for name in list(tensors):
        reason = _reason_to_leave_out(name, whose, model)
        if reason is not None:
            why[name] = reason
            del tensors[name]
    weights = Weights(whose, model, found, tensors, why, _uses_paddle_names(tensors))
    _refuse_what_differs(weights)
    return weights


def _within(checkpoint: Mapping, entry: str) -> Optional[Mapping]:
    """Return the mapping ``entry`` of a checkpoint, or None. A dot enters a mapping."""
    if isinstance(checkpoint.get(entry), Mapping):
        return checkpoint[entry]
    first, dot, rest = entry.partition(".")
    return _within(checkpoint[first], rest) if dot and isinstance(checkpoint.get(first), Mapping) else None


def _holders(held: Mapping, above: str = "", depth: int = 3) -> list[str]:
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
    """Return the remedy for a file whose entry ``found`` does not hold the weights."""
    entries = [name for name in _holders(checkpoint) if name != found]
    if not entries:
        return "give what a training script saved"
    return f"if they are in its entry {entries[0]}, say --entry {entries[0]}" + (
        f" (others that hold tensors: {', '.join(entries[1:6])})" if entries[1:] else ""
    )


def recognize(names: Iterable[str], implementation: Optional[str] = None) -> tuple[Implementation, str]:
    """Whose a checkpoint with these ``names`` is, and of which model.

    Args:
        implementation: Whose it is, a key of ``IMPLEMENTATIONS``; None finds it.

    Raises:
        Refused: None of ``IMPLEMENTATIONS`` has such names, or ``implementation`` does not.
    """
    bare = [name.removeprefix(_PREFIX) for name in names]
    paddle_names = _uses_paddle_names(bare)
    for one in IMPLEMENTATIONS.values() if implementation is None else (IMPLEMENTATIONS[implementation],):
        for known in one.known_by:
            if known.paddle_names != paddle_names or (known.if_asked and implementation is None):
                continue
            if all(any(name.startswith(start) for name in bare) for start in known.beginnings):
                return one, known.model
    first = ", ".join(shown(name, 60) for name in bare[:3])
    if implementation is not None:
        title = IMPLEMENTATIONS[implementation].title
        raise Refused(f"has names (first {first}) that are not those of {title}; leave --implementation out")
    for one in IMPLEMENTATIONS.values():
        if one.family is not None and any(name.startswith(one.family) for name in bare):
            raise Refused(
                f"is a checkpoint of {one.title}, but not of its PSPNet, PSANet or ISANet (first names {first}); "
                "only these can be converted"
            )
    known_here = ", ".join(one.title for one in IMPLEMENTATIONS.values() if one.models)
    raise Refused(f"has names (first {first}) of no known implementation; known are {known_here}, ImageNet backbones")


def _uses_paddle_names(names: Iterable[str]) -> bool:
    """Return whether the statistics of batch normalization have Paddle's names."""
    return any(name.endswith(("._mean", "._variance")) for name in names)


def _reason_to_leave_out(name: str, implementation: Implementation, model: str) -> Optional[str]:
    """Why a tensor is not wanted; None if it is."""
    if name.rpartition(".")[2] == "num_batches_tracked":
        return "count of batches that torch's batch normalization has seen"
    if model == "backbone" and name.removeprefix(_PREFIX) in _CLASSIFIERS:
        return "ImageNet classifier, of files that hold a backbone alone"
    return implementation.left_out_weights.get(name)


def _refuse_what_differs(weights: Weights) -> None:
    """Refuse networks that have nearly our names but compute something else."""
    bare = {name.removeprefix(_PREFIX): value for name, value in weights.tensors.items()}
    for name, reason in weights.implementation.refused.items():
        if name in bare:
            raise Refused(reason)
    if not any(name.endswith((".running_mean", "._mean")) for name in bare):
        raise Refused(
            "holds no running statistics: it was built without batch normalization (mmsegmentation's norm_cfg=None or "
            "GN), or saved without buffers; the models here have it after each convolution, so it cannot be converted"
        )
    for name, value in bare.items():
        # The first convolution of a block has a kernel of 1 or 3.
        if f".{name}".endswith(".conv1.weight") and len(value.shape) == 4 and tuple(value.shape)[2:] == (7, 7):
            raise Refused(
                "holds a ResNet that begins with one 7x7 convolution, as torchvision's does; our backbones begin with "
                "three 3x3 convolutions (v1c, deep stem), so use weights for them, e.g. OpenMMLab's resnet50_v1c"
            )
