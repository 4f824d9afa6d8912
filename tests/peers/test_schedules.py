"""The learning rate of every schedule equals the peer's own, stepped for real, at every single iteration."""

import numpy as np
import pytest

from paddleseg_ext.config.build import Builder
from paddleseg_ext.config.config import load_config
from paddleseg_ext.zoo import curves
from paddleseg_ext.zoo.table import config_path, published

# One row of each schedule; the others of a publisher share it.
ROWS = {(row["source"], row["schedule"]["name"]): name for name, row in published().items()}
TINY = (
    "model.backbone.type=ResNet18_v1c",
    "model.backbone.base_channels=8",
    "model.backbone.pretrained=null",
)


@pytest.mark.parametrize("name", [name for (source, _), name in ROWS.items() if source != "psanet_paddle"])
def test_rates_equal_the_peers(peer, name):
    row = published()[name]
    rate, plan = row["learning_rate"], row["schedule"]
    settings = {"kind": "mmseg", "config": row["config"]}
    if row["source"] == "ssseg":
        settings = {"kind": "ssseg", "lr": rate["start"], "power": rate["power"]}
        settings.update(epochs=plan["epochs"], epoch_iterations=plan["epoch_iterations"])
    expected = peer("schedules", settings=settings)["rates"]

    optimizer = Builder(load_config(config_path(name), opts=TINY), pretrained=False).build("optimizer")
    actual = np.empty(len(expected))
    for iteration in range(len(expected)):
        actual[iteration] = optimizer.get_lr()
        optimizer._learning_rate.step()
    assert len(expected) == plan["iterations"] == load_config(config_path(name)).iters
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-8)
    for iteration in curves.points(plan["iterations"]):
        assert abs(curves.learning_rate(row, iteration) - expected[iteration]) < 1e-8
