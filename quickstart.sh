#!/usr/bin/env bash
# From a bare clone to a trained, evaluated and exported PSANet: everything in one command, on any CPU.
#
#   bash quickstart.sh               in a virtual environment beside the clone
#   bash quickstart.sh --active      in the Python that is active now
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source tools/environment.sh

active=no
while [ $# -gt 0 ]; do
    case $1 in
        --active) active=yes; shift ;;
        -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "unknown flag $1; see bash quickstart.sh --help" ;;
    esac
done

enter_environment "$active" ""
export PYTHONUNBUFFERED=1
config=configs/quickstart/psanet_resnet18_quickstart.yml
data=data/quickstart
output=output/quickstart
started=$SECONDS
step() { printf '\n==> %s\n' "$*"; }

step "1/6 Scenes: $data"
"$python" -m paddleseg_ext.datasets.quickstart --output "$data"
step "2/6 Training: $output"
"$python" train.py --config "$config" --do_eval --use_vdl --save_interval 100 --save_dir "$output"
step "3/6 Evaluation of the best model"
"$python" val.py --config "$config" --model_path "$output/best_model/model.pdparams" | tee "$output/val.log"
step "4/6 Export for Paddle Inference"
"$python" export.py --config "$config" --model_path "$output/best_model/model.pdparams" --save_dir "$output/export"
step "5/6 The exported model on the validation images"
"$python" deploy/python/infer.py --config "$output/export/deploy.yaml" --image_path "$data/images/val" --save_dir "$output/infer"
step "6/6 The trained model on the validation images, with legend"
"$python" predict.py --config "$config" --model_path "$output/best_model/model.pdparams" --image_path "$data/images/val" --save_dir "$output/predict"

cat <<SUMMARY

Done in $((SECONDS - started)) s of work.
  validation     $(grep -o 'mIoU: [0-9.]*' "$output/val.log" | tail -n 1)
  checkpoints    $output/best_model and $output/iter_*
  curves         visualdl --logdir $output --language en
  exported model $output/export
  pictures       $output/predict and $output/infer
SUMMARY
