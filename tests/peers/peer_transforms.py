"""Steps of the peers' training pipelines on one image, each with a seed of its own."""

import bootstrap  # noqa: I001  before the peers: see there

import numpy as np
from peer_transforms_pipelines import Mmseg, Ssseg, mmseg_sample, ssseg_sample

_pipelines = {}


def main(settings, image, label):
    """``image`` (H, W, 3) in BGR and ``label`` (H, W), 255 void, uint8, after ``steps``: a list of (type, changes).

    mmsegmentation's step "finish" packs, normalizes and pads as the network needs it.
    """
    name, row = settings["peer"], settings["row"]
    pipeline = _pipelines.setdefault((name, row), {"mmseg": Mmseg, "ssseg": Ssseg}[name](row))
    data = (mmseg_sample if name == "mmseg" else ssseg_sample)(image, label)
    for index, (kind, changes) in enumerate(settings["steps"]):
        np.random.seed(settings["seed"] + index)
        if kind == "finish":
            tensor, target = pipeline.finish(pipeline.step("PackSegInputs")(data))
            return {"image": tensor[0], "label": target[0]}
        changes = {key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()}
        data = pipeline.step(kind, **changes)(data)
    if name == "mmseg":
        return {"image": data["img"], "label": data["gt_seg_map"]}
    target = np.asarray(data["seg_target"])
    return {"image": data["image"], "label": np.where(target == -100, 255, target)}


bootstrap.answer(main)
