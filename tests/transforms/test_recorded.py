"""The pipelines of both peers, as tests/peers/record_transforms.py recorded them; tests/peers has far more cases."""

from pathlib import Path

import numpy as np
import pytest

RECORDED = np.load(Path(__file__).parent / "peers.npz")
BASE, CROP = [64, 48], [32, 24]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("peer", ["mmseg", "ssseg"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_pipeline(peer, seed, dtype, training_data, build):
    ssseg = peer == "ssseg"
    steps = [
        build("ResizeByRatio", base_size=BASE, min_ratio=0.5, max_ratio=2.0),
        build("RandomClassRatioCrop", crop_size=CROP, attempts=10 if ssseg else 11, uncropped_if_void=ssseg),
        build("RandomHorizontalFlip", prob=float(seed % 2)),
        build("PhotoMetricDistortion", swapped_hsv=ssseg),
        build("PadToSize", target_size=CROP, position="center" if ssseg else "right_bottom"),
    ]
    data = training_data(RECORDED[f"{seed}_image"].astype(dtype), RECORDED[f"{seed}_label"])
    for index, step in enumerate(steps):
        np.random.seed(10 * seed + index)
        data = step(data)
    assert data["img"].dtype == data["label"].dtype == np.uint8
    np.testing.assert_array_equal(data["img"], RECORDED[f"{seed}_{peer}_image"])
    np.testing.assert_array_equal(data["label"], RECORDED[f"{seed}_{peer}_label"])
    assert data["trans_info"] == []
