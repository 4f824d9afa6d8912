"""An export compared with the live model: what is allowed, and what is too large."""

import paddle

from tests.deploy.conftest import thin_psanet, write


def test_rounding_is_no_difference(tmp_path, capfd):
    """Logits in the ten thousands round by more than the limit, in the export as in the live model."""
    model = thin_psanet()
    weight = model.head.conv.weight
    weight.set_value(weight * 1e4)
    write(model, tmp_path / "export", output_op="none")
    assert "own rounding, float32 against float64" in "".join(capfd.readouterr())
    assert model.head.conv.weight.dtype == paddle.float32
