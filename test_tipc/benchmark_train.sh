#!/usr/bin/env bash
# Measures the speed of training, as the section train_benchmark_params of a TIPC file describes it.
#
#   bash test_tipc/benchmark_train.sh FILE benchmark_train [PARAMS]
#
# PARAMS: such as dynamic_bs2_fp32_DP_N1C1. dynamicTostatic_... trains a static graph. N1C2 uses two cards, or two
# processes on a machine without cards. Without PARAMS, all batch sizes and precisions of FILE run on one card.
source "$(dirname "${BASH_SOURCE[0]}")/common_func.sh"

[ $# -ge 2 ] || fail "usage: bash test_tipc/benchmark_train.sh FILE benchmark_train [PARAMS]."
MODE=$2
require_mode "$MODE" benchmark_train
open_tipc "$1" train
start=$(first_line_of train_benchmark_params)
! has_section disable_train_benchmark || [ -n "$start" ] \
    || fail "$tipc_file has the section ===disable_train_benchmark===, which is not measured; call it \
train_benchmark_params."
[ -n "$start" ] || fail "$tipc_file has no section ===train_benchmark_params===; add it at the end."
IFS='|' read -ra batch_sizes <<<"$(func_parser_value "${lines[start]}")"
IFS='|' read -ra precisions <<<"$(func_parser_value "${lines[start + 1]}")"
epoch=$(func_parser_value "${lines[start + 2]}")
profiler_options=$(func_parser_value "${lines[start + 3]}")
flags=$(func_parser_value "${lines[start + 4]}")
extra=${lines[start + 5]-}
[[ $extra == *:* ]] || extra=
devices=N1C1 kind=dynamic
if [ -n "${3:-}" ]; then
    [[ $3 =~ ^(dynamic|dynamicTostatic)_bs([0-9]+)_(fp32|fp16|null)_DP_(N1C[0-9]+)$ ]] \
        || fail "'$3' is not like dynamic_bs2_fp32_DP_N1C1 or dynamicTostatic_bs4_fp16_DP_N1C2."
    kind=${BASH_REMATCH[1]} devices=${BASH_REMATCH[4]}
    batch_sizes=("${BASH_REMATCH[2]}") precisions=("${BASH_REMATCH[3]/null/fp32}")
fi
count=${devices#N1C}
[ "$count" -gt 0 ] || fail "'$3' asks for no card; N1C1 is one."
require_data "$(func_parser_value "${lines[12]}")" 12
if [ "$flags" != null ]; then
    IFS=';' read -ra settings <<<"$flags"
    for setting in "${settings[@]}"; do
        [[ $setting =~ ^[A-Za-z_][A-Za-z0-9_]*=[^[:space:]]*$ ]] || broken $((start + 4)) "'$setting' is not NAME=VALUE"
        export "$setting"
    done
fi
# log_iters:5;repeats:500 -> --log_iters=5 --repeats=500
arguments=
IFS=';' read -ra settings <<<"$extra"
for setting in ${settings[@]+"${settings[@]}"}; do
    [[ $setting =~ ^[a-z_]+:[0-9]+$ ]] || broken $((start + 5)) "'$setting' is not NAME:NUMBER"
    # skip_iters counts log lines; two are always left out here.
    [ "${setting%%:*}" != skip_iters ] || continue
    arguments+=" --${setting%%:*}=${setting#*:}"
done

count_cards
if [ "$cards_here" -gt 0 ]; then
    device=gpu first=0
else
    device=cpu first=-1
fi
list=$first
for ((number = 1; number < count; number++)); do
    list+=,$([ "$device" = gpu ] && echo "$number" || echo -1)
done

# derive FILE BATCH PRECISION PROFILE: writes the TIPC file of one measurement, with the usual line numbers.
derive() {
    local copy=("${lines[@]}")
    copy[4]=gpu_list:$list
    case $(func_parser_key "${copy[5]}") in null) ;; *device*) copy[5]="$(func_parser_key "${copy[5]}"):$device" ;; esac
    copy[6]="$(func_parser_key "${copy[6]}"):$3"
    copy[7]="$(func_parser_key "${copy[7]}"):$MODE=$epoch"
    copy[9]="$(func_parser_key "${copy[9]}"):$MODE=$2"
    copy[13]="$(func_parser_key "${lines[start + 3]}"):$4"
    [ "$kind" = dynamic ] || copy[15]="trainer:to_static_train"
    # Only the training is measured.
    copy[16]="${copy[16]/ --do_eval/}$arguments"
    copy[24]="eval:null"
    copy[30]="$(func_parser_key "${copy[30]}"):null"
    printf '%s\n' "${copy[@]:1}" >"$1"
}

# speed LOG NAME PROCESSES: prints the mean speed, the last loss and the memory in a log. The first two log lines are
# not counted. Each log line has the speed of one process.
speed() {
    awk -v name="$2" -v processes="$3" '
        /\[TRAIN\].*ips: / {
            line = $0; sub(/.*loss: /, "", line); loss = line + 0
            line = $0; sub(/.*ips: /, "", line); ips = line + 0
            if (++count > 2 && ips > 0) { seconds += 1 / ips; counted++ }
        }
        /^peak memory: / { memory = $3 " " $4 }
        END {
            if (!counted) { print name ": no speed, because the training wrote only " count + 0 " log lines"; exit 1 }
            printf "%s: %.3f images/s in %d log lines, loss %.4f, peak memory of a process %s\n",
                name, processes * counted / seconds, counted, loss, memory
        }' "$1"
}

open_log benchmark_train.log
for batch in "${batch_sizes[@]}"; do
    for precision in "${precisions[@]}"; do
        name=${model_name}_bs${batch}_${precision}_DP_${devices}
        [ "$kind" = dynamic ] || name=${model_name}_d2sT_bs${batch}_${precision}_DP_${devices}
        if [ "$precision" = fp16 ] && [ "$device" = cpu ]; then
            skip "$name" "fp16 needs a GPU"
            continue
        fi
        if [ "$device" = gpu ] && [ "$count" -gt "$cards_here" ]; then
            skip "$name" "it needs $count GPU, and this machine has $cards_here"
            continue
        fi
        if [ "$profiler_options" != null ] && [ "$count" -eq 1 ]; then
            derive "$LOG_PATH/${name}_profiling.txt" "$batch" "$precision" "$profiler_options"
            cmd=(bash test_tipc/test_train_inference_python.sh "$LOG_PATH/${name}_profiling.txt" "$MODE")
            run_step "$LOG_PATH/${name}_profiling.log" || true
        fi
        derive "$LOG_PATH/$name.txt" "$batch" "$precision" null
        cmd=("$python" test_tipc/peak_memory.py bash test_tipc/test_train_inference_python.sh)
        cmd+=("$LOG_PATH/$name.txt" "$MODE")
        run_step "$LOG_PATH/$name.log" || continue
        cmd=(speed "$LOG_PATH/$name.log" "$name" "$count")
        run_step "$LOG_PATH/${name}_speed.txt" || true
    done
done
finish
