#!/usr/bin/env bash
# Prepares the pictures for a mode, and the weights if the mode only runs inference.
#
#   bash test_tipc/prepare.sh FILE MODE [FOLDER]
#
# FOLDER: your Cityscapes (leftImg8bit/ and gtFine/ with *_labelTrainIds.png); only links to it are made. Without
# FOLDER, PaddleSeg's 20 pictures are downloaded; without a network, made-up pictures replace them.
source "$(dirname "${BASH_SOURCE[0]}")/common_func.sh"

modes="$TIPC_MODES paddle2onnx_infer"
[ $# -ge 2 ] || fail "usage: bash test_tipc/prepare.sh FILE MODE [FOLDER], MODE one of ${modes// /, }."
MODE=$2
require_mode "$MODE" "$modes"
given=()
if [ -n "${3:-}" ]; then
    [ -d "$3" ] || fail "the folder $3 does not exist; name the one that holds leftImg8bit and gtFine."
    given=(--folder "$(cd "$3" && pwd)")
fi
case $MODE in
    paddle2onnx_infer) open_tipc "$1" paddle2onnx ;;
    *)
        kind=train
        [ "$(heading "$(head -n 1 "$1" 2>/dev/null)")" != base_train ] || kind=dy2static
        open_tipc "$1" "$kind"
        ;;
esac

"$python" test_tipc/cityscapes_lite.py --mode "$MODE" ${given[@]+"${given[@]}"} || exit 1

# prepare_weights FILE COMMAND: makes stand-in weights, unless FILE exists. COMMAND has their --config.
prepare_weights() {
    if [ -f "$1" ]; then
        echo "The weights $1 exist and are used."
        return
    fi
    split_words "$2"
    local index config=
    for index in "${!words[@]}"; do
        case ${words[index]} in
            --config) config=${words[index + 1]-} ;;
            --config=*) config=${words[index]#*=} ;;
        esac
    done
    [ -n "$config" ] || fail "$tipc_file: '$2' has no --config, so weights for $1 cannot be made; put weights there."
    "$python" test_tipc/stand_in_weights.py --config "$config" --output "$1" || exit 1
}

case $MODE in
    whole_infer)
        has_section infer_params || fail "$tipc_file has no section ===infer_params===, which whole_infer needs."
        IFS='|' read -ra models <<<"$(func_parser_value "${lines[37]}")"
        IFS='|' read -ra exports <<<"$(func_parser_value "${lines[38]}")"
        for index in "${!models[@]}"; do
            prepare_weights "${models[index]}" "${exports[index]-}"
        done
        ;;
    paddle2onnx_infer) prepare_weights "$(func_parser_value "${lines[5]}")" "$(func_parser_value "${lines[4]}")" ;;
esac
echo "Ready for $MODE of $model_name."
