"""Data that are not where the YAML says; the sentences of lists stand in tests/test_bad_input.py, those of Cityscapes,
ADE20K and VOC in tests/datasets/test_check.py."""

import pytest

from paddleseg_ext.config.config import load_config
from paddleseg_ext.config.data_files import check_data_files
from paddleseg_ext.errors import UserError


def check(scenes, *opts: str) -> None:
    check_data_files(load_config(scenes / "config.yml", opts=opts), "train_dataset")


def test_what_is_there(scenes):
    check(scenes)
    (scenes / "test.txt").write_text("images/00.jpg\n")
    # Images without labels, and a separator of one's own.
    check(scenes, "train_dataset.mode=test", f"train_dataset.test_path={scenes / 'test.txt'}")
    (scenes / "comma.txt").write_text("images/00.jpg,labels/00.png\n")
    check(scenes, f"train_dataset.train_path={scenes / 'comma.txt'}", "train_dataset.separator=,")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("train_dataset.mode=trian", "train_dataset.mode must be train, val or test, not 'trian'"),
        ("train_dataset.mode=val", "train_dataset with mode val needs val_path"),
        ("train_dataset.separator=,", r"train.txt line 1 is 'images/00.jpg labels/00.png', not `image,label`"),
        ("train_dataset.dataset_root=nowhere", r"the folder nowhere \(train_dataset.dataset_root\) does not exist"),
    ],
)
def test_what_is_wrong(scenes, option, sentence):
    with pytest.raises(UserError, match=sentence):
        check(scenes, option)
