"""The settings that shapes of weights do not show, and how each is found out: the table in the documents.

``python -m paddleseg_ext.convert.unshown`` prints it; docs/converting.md holds it, and a test holds both to the code.
"""

from collections.abc import Iterator

from paddleseg_ext.convert.implementations import IMPLEMENTATIONS

# By the YAML's keys. Each leaves names and shapes as they are and changes predictions.
UNSHOWN = {
    "model.layout": "whose head it is: everything in the table below",
    "model.align_corners": "corners of the resizes of pyramid, attention and logits; the authors' layouts force it",
    "model.backbone_indices": "which features the heads read, where two have as many channels",
    "model.mask_size": "PSANet: the two sides of a mask that is no square",
    "model.psa_type": "PSANet: `collect` or `distribute`, where there is one branch",
    "model.compact": "PSANet: a logit for each position instead of each offset",
    "model.shrink_factor": "PSANet: how much smaller the map under the attention is",
    "model.normalization_factor": "PSANet: what divides the attended sum",
    "model.psa_softmax": "PSANet: whether the attention is a softmax",
    "model.bin_sizes": "PSPNet: sides of the pooled maps; how many shows",
    "model.down_factor": "ISANet: sides of the local groups",
    "model.dropout": "ratio before the classifiers, in training",
    "model.backbone.output_stride": "stride of the features",
    "model.backbone.contract_dilation": "dilation of the first block of a stage",
    "model.backbone.ceil_mode": "rounding of the pooling after the stem",
    "Normalize": "mean, deviation, scale and order of the channels of the pixels",
    "ResizeByRatio": "size of the picture in a test",
    "test_config.is_slide": "sliding windows or whole pictures, their size and step",
    "test_config.resize_once": "logits straight to the picture's size",
}


def table() -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield "| key | what it is | known from whose checkpoint it is | compared with what is noted |"
    yield "|---|---|---|---|"
    implementations = [one for one in IMPLEMENTATIONS.values() if one.models]
    for key, words in UNSHOWN.items():
        known = [one.title for one in implementations if any(key in one.fixed_settings(model) for model in one.models)]
        noted = [one.title for one in implementations if key in one.noted]
        where = "all" if len(known) == len(implementations) else ", ".join(known) or "-"
        yield f"| `{key}` | {words} | {where} | {', '.join(noted) or '-'} |"


if __name__ == "__main__":
    print("\n".join(table()))
