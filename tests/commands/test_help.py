"""--help of the commands that use a trained model."""

import pytest

from tests.deploy.conftest import assert_help_explains

FLAGS = {
    "predict.py": "config model_path image_path save_dir device device_id aug_pred scales flip_horizontal "
    "flip_vertical is_slide crop_size stride custom_color use_multilabel",
    "export.py": "config model_path save_dir input_shape output_op for_fd",
}


@pytest.mark.parametrize("script", FLAGS)
def test_help_explains_every_flag_of_paddleseg(script):
    assert_help_explains(script, FLAGS[script])
