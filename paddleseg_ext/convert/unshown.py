"""The settings of a YAML that the shapes of weights do not show, and how each is found: a table of the documents.

``python -m paddleseg_ext.convert.unshown`` prints it; docs/converting.md shows it, and a test compares the two.
"""

from collections.abc import Iterator

from paddleseg_ext.convert.implementations import IMPLEMENTATIONS

# The meaning of each key of the YAML. Each changes predictions and leaves names and shapes as they are.
UNSHOWN = {
    "model.layout": "the implementation of the head, see the table below",
    "model.align_corners": "how pyramid, attention and logits are resized; the layouts `semseg` and `openseg` fix it",
    "model.backbone_indices": "which features the heads read, if two have the same number of channels",
    "model.mask_size": "PSANet: the two sides of a mask that is not square",
    "model.psa_type": "PSANet: `collect` or `distribute`, if there is one branch",
    "model.compact": "PSANet: one logit for each position instead of each offset",
    "model.shrink_factor": "PSANet: how much smaller the map is that the attention sees",
    "model.normalization_factor": "PSANet: the divisor of the attended sum",
    "model.psa_softmax": "PSANet: whether the attention is a softmax",
    "model.bin_sizes": "PSPNet: sides of the pooled maps (their number shows)",
    "model.down_factor": "ISANet: sides of the local groups",
    "model.dropout": "dropout ratio before the classifiers, in training",
    "model.backbone.output_stride": "stride of the features",
    "model.backbone.contract_dilation": "dilation of the first block of a stage",
    "model.backbone.ceil_mode": "rounding of the pooling after the stem",
    "Normalize": "mean, standard deviation, scale and channel order of the pixels",
    "ResizeByRatio": "size of the picture in evaluation",
    "test_config.is_slide": "sliding windows or whole pictures, their size and step",
    "test_config.resize_once": "logits are resized straight to the picture's size",
}


def table() -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield "| key | meaning | the implementation decides it in | noted in checkpoints of, and compared |"
    yield "|---|---|---|---|"
    implementations = [one for one in IMPLEMENTATIONS.values() if one.models]
    for key, words in UNSHOWN.items():
        known = [one.title for one in implementations if any(key in one.fixed_settings(model) for model in one.models)]
        noted = [one.title for one in implementations if key in one.noted]
        where = "all" if len(known) == len(implementations) else ", ".join(known) or "-"
        yield f"| `{key}` | {words} | {where} | {', '.join(noted) or '-'} |"


if __name__ == "__main__":
    print("\n".join(table()))
