#!/usr/bin/env bash
# Converts a model to ONNX and runs inference with ONNX Runtime, as a TIPC file describes it.
#
#   bash test_tipc/test_paddle2onnx.sh FILE [paddle2onnx_infer]
#
# Run prepare.sh with the same FILE and the mode paddle2onnx_infer first.
source "$(dirname "${BASH_SOURCE[0]}")/common_func.sh"

[ $# -ge 1 ] || fail "usage: bash test_tipc/test_paddle2onnx.sh FILE."
MODE=${2:-paddle2onnx_infer}
require_mode "$MODE" paddle2onnx_infer
open_tipc "$1" paddle2onnx
weights=$(func_parser_value "${lines[5]}")
images=$(func_parser_value "${lines[13]}")
require_data "$images" 13
require_file "$weights" 5

open_log results_paddle2onnx.log
split_words "$(func_parser_value "${lines[4]}")"
case ${words[0]} in
    *.py) cmd=("$python" "${words[@]}") ;;
    *) cmd=("${words[@]}") ;;
esac
for number in 5 6 7 8 9 10; do
    func_set_params "$(func_parser_key "${lines[number]}")" "$(func_parser_value "${lines[number]}")"
done
if run_step "$LOG_PATH/trans_model.log"; then
    split_words "$(func_parser_value "${lines[11]}")"
    cmd=("$python" "${words[@]}")
    func_set_params "$(func_parser_key "${lines[12]}")" "$(func_parser_value "${lines[12]}")"
    func_set_params "$(func_parser_key "${lines[13]}")" "$images"
    run_step "$LOG_PATH/paddle2onnx_infer.log" || true
else
    skip "inference with ONNX Runtime" "the conversion failed"
fi
finish
