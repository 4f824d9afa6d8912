#!/usr/bin/env bash
# Trains a model as a dynamic and as a static graph, with the same seed and pictures, and compares the losses.
#
#   bash test_tipc/test_train_dy2static_python.sh FILE
#
# Run prepare.sh with the same FILE and the mode lite_train_lite_infer first.
source "$(dirname "${BASH_SOURCE[0]}")/common_func.sh"

[ $# -ge 1 ] || fail "usage: bash test_tipc/test_train_dy2static_python.sh FILE."
MODE=lite_train_lite_infer
open_tipc "$1" dy2static
require_data "$(func_parser_value "${lines[12]}")" 12

count_cards
if [ "$cards_here" -gt 0 ]; then
    card=0 device=gpu
    export FLAGS_cudnn_deterministic=True
else
    card=-1 device=cpu
fi

# train KIND EXTRA: writes the first section into its own training file, and runs it.
train() {
    local copy=("${lines[@]:0:23}") file=$LOG_PATH/$1.txt
    copy[1]="===train_params==="
    copy[4]=gpu_list:$card
    case $(func_parser_key "${copy[5]}") in *device*) copy[5]="$(func_parser_key "${copy[5]}"):$device" ;; esac
    copy[15]=trainer:$1
    copy[16]="$1:$(func_parser_value "${copy[16]}") $2"
    copy[22]="##"
    printf '%s\n' "${copy[@]:1}" >"$file"
    cmd=(bash test_tipc/test_train_inference_python.sh "$file" "$MODE")
    run_step "$LOG_PATH/$1.log"
}

open_log results_python.log
if train dygraph "" && train dy2static --to_static_training; then
    cmd=("$python" test_tipc/compare_results.py --metric_file "$LOG_PATH/dygraph.log" --log "$LOG_PATH/dy2static.log")
    run_step "$LOG_PATH/dy2static_compare.log" || true
else
    skip "comparison of the losses" "a training failed"
fi
finish
