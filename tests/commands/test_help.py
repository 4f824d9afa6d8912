"""--help of train.py, val.py, predict.py and export.py."""

import pytest

from tests.deploy.conftest import assert_help_explains

# PaddleSeg's flags, those included that are refused.
FLAGS = {
    "train.py": "config device opts iters batch_size learning_rate save_interval resume_model save_dir "
    "keep_checkpoint_max num_workers do_eval use_vdl use_ema log_iters seed precision amp_level data_format "
    "profiler_options repeats early_stop_intervals to_static_training use_multilabel",
    "val.py": "config model_path device opts num_workers aug_eval scales flip_horizontal flip_vertical is_slide "
    "crop_size stride auc_roc precision amp_level data_format use_multilabel",
    "predict.py": "config model_path image_path save_dir device device_id aug_pred scales flip_horizontal "
    "flip_vertical is_slide crop_size stride custom_color use_multilabel",
    "export.py": "config model_path save_dir input_shape output_op for_fd",
}


@pytest.mark.parametrize("script", FLAGS)
def test_help_names_every_flag_of_paddleseg_and_shows_examples(script):
    assert_help_explains(script, FLAGS[script])
