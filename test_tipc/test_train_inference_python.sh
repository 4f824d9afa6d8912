#!/usr/bin/env bash
# Trains, evaluates, exports and runs inference, as a TIPC file describes it. The mode whole_infer only exports and runs
# inference.
#
#   bash test_tipc/test_train_inference_python.sh FILE MODE [GPU]
#
# GPU: the card of whole_infer (CUDA_VISIBLE_DEVICES). Run prepare.sh with the same FILE and MODE first.
source "$(dirname "${BASH_SOURCE[0]}")/common_func.sh"

[ $# -ge 2 ] || fail "usage: bash test_tipc/test_train_inference_python.sh FILE MODE, MODE one of ${TIPC_MODES// /, }."
MODE=$2
require_mode "$MODE" "$TIPC_MODES"
open_tipc "$1" train

gpu_list=$(func_parser_value "${lines[4]}")
device_key=$(func_parser_key "${lines[5]}")
IFS='|' read -ra devices <<<"$(func_parser_value "${lines[5]}")"
precision_key=$(func_parser_key "${lines[6]}")
precisions=$(func_parser_value "${lines[6]}")
trainers=$(func_parser_value "${lines[15]}")
# A section that the file does not have is not run.
eval_py=null inference_py=null
if has_section eval_params; then eval_py=$(func_parser_value "${lines[24]}"); fi
if has_section infer_params; then inference_py=$(func_parser_value "${lines[40]}"); fi

# run_inference MODEL_DIR OUTPUT_DIR IMAGES QUANTIZED: runs every combination of lines 41 to 46.
run_inference() {
    local model_dir=$1 output=$2 images=$3 quantized=$4
    local device onednn threads batch trt precision name
    local device_list onednn_list threads_list batch_list trt_list precision_list
    [ "$inference_py" != null ] || return 0
    IFS='|' read -ra device_list <<<"$(func_parser_value "${lines[41]}")"
    IFS='|' read -ra onednn_list <<<"$(func_parser_value "${lines[42]}")"
    IFS='|' read -ra threads_list <<<"$(func_parser_value "${lines[43]}")"
    IFS='|' read -ra batch_list <<<"$(func_parser_value "${lines[44]}")"
    IFS='|' read -ra trt_list <<<"$(func_parser_value "${lines[45]}")"
    IFS='|' read -ra precision_list <<<"$(func_parser_value "${lines[46]}")"
    for device in "${device_list[@]}"; do
        case $device in
            cpu | False)
                for onednn in "${onednn_list[@]}"; do
                    for threads in "${threads_list[@]}"; do
                        for batch in "${batch_list[@]}"; do
                            for precision in "${precision_list[@]}"; do
                                name=cpu_usemkldnn_${onednn}_threads_${threads}
                                name+=_precision_${precision}_batchsize_${batch}
                                wanted_precision "$precision" "$quantized" "inference $name" || continue
                                infer_step null "$threads" "$onednn"
                            done
                        done
                    done
                done
                ;;
            gpu | True)
                count_cards
                if [ "$cards_here" -eq 0 ]; then
                    skip "inference on the GPU" "this machine, or its Paddle, has none"
                    continue
                fi
                for trt in "${trt_list[@]}"; do
                    for precision in "${precision_list[@]}"; do
                        for batch in "${batch_list[@]}"; do
                            name=gpu_usetrt_${trt}_precision_${precision}_batchsize_${batch}
                            [ "$trt" = True ] || wanted_precision "$precision" "$quantized" "inference $name" \
                                || continue
                            infer_step "$trt" null null
                        done
                    done
                done
                ;;
            *) broken 41 "'$device' is neither cpu nor gpu" ;;
        esac
    done
}

# wanted_precision PRECISION QUANTIZED WHAT: whether the model can run at this precision without TensorRT. A quantized
# model runs at int8, any other at fp32.
wanted_precision() {
    local own=fp32
    [ "$2" != True ] || own=int8
    [ "$1" = "$own" ] || [ "$1" = null ] || {
        skip "$3" "the model is $own"
        return 1
    }
}

# infer_step TRT THREADS ONEDNN: runs inference once, with the variables of run_inference.
infer_step() {
    local number key
    split_words "$inference_py"
    cmd=("$python" "${words[@]}")
    func_set_params "$(func_parser_key "${lines[41]}")" "$device"
    func_set_params "$(func_parser_key "${lines[42]}")" "$3"
    func_set_params "$(func_parser_key "${lines[43]}")" "$2"
    func_set_params "$(func_parser_key "${lines[44]}")" "$batch"
    func_set_params "$(func_parser_key "${lines[45]}")" "$1"
    func_set_params "$(func_parser_key "${lines[46]}")" "$precision"
    func_set_params "$(func_parser_key "${lines[47]}")" "$model_dir/deploy.yaml"
    func_set_params "$(func_parser_key "${lines[48]}")" "$images"
    # Any of the last four lines may be missing, so --save_dir is found by its name.
    for ((number = 49; number <= 52; number++)); do
        [[ ${lines[number]-} == *:* ]] || break
        key=$(func_parser_key "${lines[number]}")
        if [ "$key" = --save_dir ]; then
            func_set_params "$key" "$output/python_infer_${name}_results"
        else
            func_set_params "$key" "$(func_parser_value "${lines[number]}")"
        fi
    done
    run_step "$output/python_infer_$name.log" || true
}

# export_step COMMAND WEIGHTS SAVE_DIR LOG
export_step() {
    split_words "$1"
    cmd=("$python" "${words[@]}")
    func_set_params "$(func_parser_key "${lines[29]}")" "$2"
    func_set_params "$(func_parser_key "${lines[28]}")" "$3"
    run_step "$4"
}

whole_infer() {
    local images models exports quantized index model folder
    images=$(func_parser_value "${lines[48]}")
    require_data "$images" 48
    IFS='|' read -ra models <<<"$(func_parser_value "${lines[37]}")"
    IFS='|' read -ra exports <<<"$(func_parser_value "${lines[38]}")"
    IFS='|' read -ra quantized <<<"$(func_parser_value "${lines[39]}")"
    for model in "${models[@]}"; do
        require_file "$model" 37
    done
    open_log results_python.log
    for index in "${!models[@]}"; do
        model=${models[index]} folder=${models[index]}
        if [ "${exports[index]:-null}" != null ]; then
            folder=$(dirname "$model")
            if ! export_step "${exports[index]}" "$model" "$folder" "$LOG_PATH/export_$index.log"; then
                skip "inference of $model" "its export failed"
                continue
            fi
        fi
        run_inference "$folder" "$LOG_PATH" "$images" "${quantized[index]:-False}"
    done
}

# pick_trainer NAME: puts its command into `run_train` and its export into `run_export`. Status 1: there is no such
# trainer.
pick_trainer() {
    local index start key
    run_train=null run_export=null
    for index in 0 1 2 3 4 5; do
        key=$(func_parser_key "${lines[16 + index]}")
        # `trainer:norm` and `trainer:norm_train` are both written for line 16.
        if [ "$key" = "$1" ] || [ "$key" = "$1_train" ]; then
            run_train=$(func_parser_value "${lines[16 + index]}")
            ! has_section export_params || run_export=$(func_parser_value "${lines[30 + index]}")
        fi
    done
    start=$(first_line_of to_static_train_benchmark_params)
    if [ "$1" = to_static_train ] && [ -n "$start" ]; then
        # The normal trainer with the flags of this line.
        run_train="$(func_parser_value "${lines[16]}") $(func_parser_value "${lines[start]}")"
        ! has_section export_params || run_export=$(func_parser_value "${lines[30]}")
    fi
    [ "$run_train" != null ]
}

# train_chain CARDS DEVICE PRECISION TRAINER: trains, then runs all steps that need the weights.
train_chain() {
    local cards=$1 device=$2 precision=$3 trainer=$4 ids weights quantized=False
    local name=${trainer}_gpus_${cards}_autocast_${precision}
    local folder=$LOG_PATH/$name
    pick_trainer "$trainer" || {
        skip "$name" "line 15 names a trainer that lines 16 to 21 do not have"
        return 0
    }
    [ "$trainer" != "$(func_parser_key "${lines[17]}")" ] || quantized=True
    IFS=',' read -ra ids <<<"$cards"
    case $cards in
        -1*)
            if [ "$precision" = fp16 ]; then
                skip "$name" "fp16 needs a GPU"
                return 0
            fi
            unset CUDA_VISIBLE_DEVICES
            ;;
        *)
            count_cards
            if [ "${#ids[@]}" -gt "$cards_here" ]; then
                skip "$name" "it needs ${#ids[@]} GPU, and this machine with its Paddle has $cards_here"
                return 0
            fi
            [ "${#ids[@]}" -gt 1 ] || export CUDA_VISIBLE_DEVICES=$cards
            ;;
    esac

    rm -rf "$folder"
    cmd=("$python")
    if [ "${#ids[@]}" -gt 1 ]; then
        cmd+=(-m paddle.distributed.launch)
        case $cards in
            -1*) cmd+=(--nproc_per_node "${#ids[@]}" --backend gloo) ;;
            *) cmd+=("--gpus=$cards") ;;
        esac
        cmd+=(--log_dir "$folder/launch")
    fi
    split_words "$run_train"
    cmd+=("${words[@]}")
    func_set_params "$device_key" "$device"
    func_set_params "$(func_parser_key "${lines[8]}")" "$folder"
    mode_value 7
    iters=$reply
    func_set_params "$(func_parser_key "${lines[7]}")" "$iters"
    func_set_params "$(func_parser_key "${lines[10]}")" "$(func_parser_value "${lines[10]}")"
    func_set_params "$precision_key" "$precision"
    mode_value 9
    func_set_params "$(func_parser_key "${lines[9]}")" "$reply"
    func_set_params "$(func_parser_key "${lines[13]}")" "$(func_parser_value "${lines[13]}")"
    if ! run_step "$folder/train.log"; then
        skip "evaluation, export and inference of $name" "its training failed"
        return 0
    fi

    weights=$folder/$(func_parser_value "${lines[11]}")
    [ -f "$weights" ] || weights=$folder/iter_$iters/model.pdparams
    if [ "$eval_py" != null ]; then
        split_words "$eval_py"
        cmd=("$python" "${words[@]}")
        func_set_params "$(func_parser_key "${lines[10]}")" "$weights"
        func_set_params "$device_key" "$device"
        func_set_params "$(func_parser_key "${lines[25]}")" "$(func_parser_value "${lines[25]}")"
        run_step "$folder/eval.log" || true
    fi
    if [ "$run_export" != null ]; then
        if export_step "$run_export" "$weights" "$folder" "$folder/export.log"; then
            run_inference "$folder" "$folder" "$(func_parser_value "${lines[12]}")" "$quantized"
        else
            skip "inference of $name" "its export failed"
        fi
    fi
    unset CUDA_VISIBLE_DEVICES
}

# run_without_cards: on a machine without cards, a file that is only for cards but names no device, such as
# PSANet_paddle's, trains on the CPU. Changes `groups`.
run_without_cards() {
    [[ $gpu_list != *-1* && ${devices[*]:-null} =~ ^null( null)*$ ]] || return 0
    count_cards
    [ "$cards_here" -eq 0 ] || return 0
    IFS='|' read -ra groups <<<"$(sed -E 's/[0-9]+/-1/g' <<<"$gpu_list")"
    echo "There is no GPU here, so gpu_list:$gpu_list is run on the CPU, as $(IFS='|'; printf '%s' "${groups[*]}")."
}

train_all() {
    local groups cards index=0 precision trainer precision_list trainer_list
    IFS='|' read -ra groups <<<"$gpu_list"
    IFS='|' read -ra precision_list <<<"$precisions"
    IFS='|' read -ra trainer_list <<<"$trainers"
    for cards in "${groups[@]:-}"; do
        [[ $cards =~ ^(-1(,-1)*|[0-9]+(,[0-9]+)*)$ ]] \
            || broken 4 "'$cards' is not a list of cards; write 0 or 0,1, on the CPU -1 or -1,-1"
    done
    for trainer in "${trainer_list[@]:-}"; do
        plain_name "$trainer" || broken 15 "'$trainer' is not the name of a trainer"
    done
    run_without_cards
    [ "${#devices[@]}" -le 1 ] || [ "${#devices[@]}" -eq "${#groups[@]}" ] \
        || broken 5 "${#devices[@]} devices for the ${#groups[@]} entries of gpu_list; give one for all, or one each"
    # These checks come before the first step.
    mode_value 7
    mode_value 9
    require_data "$(func_parser_value "${lines[12]}")" 12
    open_log results_python.log
    for cards in "${groups[@]}"; do
        for precision in "${precision_list[@]}"; do
            for trainer in "${trainer_list[@]}"; do
                train_chain "$cards" "${devices[index]:-${devices[0]:-null}}" "$precision" "$trainer"
            done
        done
        index=$((index + 1))
    done
}

if [ "$MODE" = whole_infer ]; then
    has_section infer_params || fail "$tipc_file has no section ===infer_params===, which whole_infer needs."
    [ -z "${3:-}" ] || export CUDA_VISIBLE_DEVICES=$3
    whole_infer
else
    train_all
fi
finish
