"""Facts of mmsegmentation's own configurations, in the words of paddleseg_ext/zoo/published.yml.

Whatever a configuration leaves to a default is read off what mmsegmentation builds from it.
"""

import json
from pathlib import Path

import bootstrap
import mmengine
import mmseg
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import TRANSFORMS
from mmseg.utils import register_all_modules

CONFIGS = Path(mmseg.__file__).parent / ".mim" / "configs" / "psanet"
register_all_modules()


def _wh(size):
    return list(reversed(size))


def _step(settings, preprocessor):
    """One transform as the table names it, or None for loading and packing."""
    kind, t = settings["type"], TRANSFORMS.build(settings)
    if kind == "RandomResize":
        assert type(t.resize).__name__ == "Resize" and t.resize.keep_ratio and t.resize.interpolation == "bilinear"
        return {"step": "resize", "base": list(t.scale), "ratio": list(t.ratio_range)}
    if kind == "RandomCrop":
        # Its loop checks ten crops and draws again after each; `draws` counts the one before the loop too.
        return {
            "step": "crop",
            "size": _wh(t.crop_size),
            "class_ratio": t.cat_max_ratio,
            "draws": 11,
            "void": "kept",
        }
    if kind == "RandomFlip":
        assert t.direction == "horizontal"
        return {"step": "flip", "probability": t.prob}
    if kind == "PhotoMetricDistortion":
        return {
            "step": "distort",
            "brightness": t.brightness_delta,
            "contrast": [t.contrast_lower, t.contrast_upper],
            "saturation": [t.saturation_lower, t.saturation_upper],
            "hue": t.hue_delta,
            "codes": "BGR",
        }
    if kind == "Pad":
        assert t.pad_val == {"img": 0, "seg": preprocessor.seg_pad_val}
        return _pad(t.size)
    assert kind in ("LoadImageFromFile", "LoadAnnotations", "PackSegInputs"), kind
    return None


def _pad(size):
    return {"step": "pad", "size": _wh(size), "position": "right and bottom", "image": 0, "label": "ignored"}


def _train(config):
    """The transforms, then what the preprocessor does: normalize, and pad what is still too small."""
    (pipeline,) = {str(p): p for p in _pipelines(config.train_dataloader.dataset)}.values()
    preprocessor = config.model.data_preprocessor
    steps = [step for step in (_step(dict(settings), preprocessor) for settings in pipeline) if step]
    padded = any(step["step"] == "pad" for step in steps)
    steps.append({"step": "normalize", "mean": preprocessor.mean, "std": preprocessor.std})
    assert preprocessor.bgr_to_rgb and preprocessor.pad_val == 0 and preprocessor.seg_pad_val == 255
    return steps if padded else [*steps, _pad(preprocessor.size)]


def _pipelines(dataset):
    return [part.pipeline for part in dataset.get("datasets", [dataset])]


def _test(config):
    test, (resize,) = config.model.test_cfg, [t for t in _pipelines(config.test_dataloader.dataset)[0] if "scale" in t]
    ratios, flips = config.tta_pipeline[1].transforms[:2]
    facts = {
        "mode": test.mode,
        "resize": list(resize.scale),
        "mean": config.model.data_preprocessor.mean,
        "std": config.model.data_preprocessor.std,
        "align_corners": config.model.decode_head.align_corners,
        "scales": [step.scale_factor for step in ratios],
        "flip": sorted(step.prob for step in flips) == [0, 1],
    }
    if test.mode == "slide":
        facts.update(window=_wh(test.crop_size), stride=_wh(test.stride))
    return facts


def main(settings):
    config = mmengine.Config.fromfile(CONFIGS / f"{settings['config']}.py")
    backbone, head, aux = config.model.backbone, config.model.decode_head, config.model.auxiliary_head
    losses = [CrossEntropyLoss(**{k: v for k, v in part.loss_decode.items() if k != "type"}) for part in (head, aux)]
    assert not any(loss.use_sigmoid for loss in losses)
    optimizer, (schedule,) = config.optim_wrapper.optimizer, config.param_scheduler
    cards = int(settings["config"].split("_")[2].split("xb")[0])
    facts = {
        "model": config.model.decode_head.type,
        "depth": backbone.depth,
        "pretrained": config.model.pretrained,
        "strides": list(backbone.strides),
        "dilations": list(backbone.dilations),
        "contract_dilation": backbone.contract_dilation,
        "head": {
            **{key: head[key] for key in ("psa_type", "compact", "shrink_factor", "psa_softmax")},
            "mask_size": list(head.mask_size),
            "normalization_factor": head.normalization_factor,
            "dropout": head.dropout_ratio,
        },
        "widths": [head.in_channels, head.channels, aux.in_channels, aux.channels],
        "aux_dropout": aux.dropout_ratio,
        "classes": [head.num_classes, aux.num_classes],
        "average": ["valid pixels" if loss.avg_non_ignore else "all pixels" for loss in losses],
        "weights": [loss.loss_weight for loss in losses],
        "optimizer": {key: optimizer[key] for key in ("type", "lr", "momentum", "weight_decay")},
        "paramwise_cfg": config.optim_wrapper.get("paramwise_cfg"),
        "schedule": [schedule.type, schedule.begin, schedule.end, schedule.power, schedule.eta_min],
        "iterations": config.train_cfg.max_iters,
        "evaluate_every": config.train_cfg.val_interval,
        "batch": cards * config.train_dataloader.batch_size,
        "align_corners": [head.align_corners, aux.align_corners],
        "train": _train(config),
        "test": _test(config),
    }
    # What mmengine's runner notes in every checkpoint.
    return {"facts": json.dumps(facts), "noted": config.pretty_text}


bootstrap.answer(main)
