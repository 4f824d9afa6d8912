# The scripts of test_tipc/ source this file. It reads a TIPC file, runs its steps and logs their results.
#
# A TIPC file is read by line numbers, as in every Paddle repository: line 4 is gpu_list, line 16 the trainer, etc.

set -u
set -o pipefail

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "error: bash $BASH_VERSION is too old for these scripts; run them with bash 4.4 or newer." >&2
    exit 1
fi

TIPC_MODES="lite_train_lite_infer lite_train_whole_infer whole_train_whole_infer whole_infer benchmark_train"

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints a text without the white space around it.
trimmed() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf '%s' "${text%"${text##*[![:space:]]}"}"
}

# KEY:VALUE -> KEY
func_parser_key() { trimmed "${1%%:*}"; }

# KEY:VALUE -> VALUE
func_parser_value() { trimmed "${1#*:}"; }

# KEY:MODE=VALUE|MODE=VALUE -> the VALUE of $MODE; KEY:VALUE -> VALUE, in every mode. Status 1: $MODE has no value.
func_parser_params() {
    local text entry entries
    text=$(func_parser_value "$1")
    IFS='|' read -ra entries <<<"$text"
    for entry in ${entries[@]+"${entries[@]}"}; do
        if [ "${entry%%=*}" = "$MODE" ]; then
            printf '%s' "${entry#*=}"
            return
        fi
    done
    case $text in
        *=*) return 1 ;;
        *) printf '%s' "$text" ;;
    esac
}

# The lines that must follow a heading: a key, `*` for any key, `?` for a line that may be missing together with all
# lines after it, `##`, or `-` for a line that is not read.
TIPC_TRAINING="model_name python gpu_list * * * * * * train_model_name train_infer_img_dir * ## trainer * * * * * *"
declare -A TIPC_SECTIONS=(
    [train_params]="$TIPC_TRAINING ##"
    [eval_params]="eval * ##"
    [export_params]="* * * * * * * *"
    [infer_params]="infer_model infer_export infer_quant inference * * * * * * * * ? ? ? ?"
    [infer_benchmark_params]="random_infer_input"
    [to_static_train_benchmark_params]="to_static_train"
    [train_benchmark_params]="batch_size fp_items epoch * flags ?"
    [disable_train_benchmark]="batch_size fp_items epoch * flags ?"
    [paddle2onnx_params]="model_name python 2onnx * * * * * * inference * *"
    [base_train]="$TIPC_TRAINING -"
)
TIPC_BENCHMARKS="infer_benchmark_params to_static_train_benchmark_params train_benchmark_params disable_train_benchmark"
# The sections that may follow a section. A section that is not here may be followed by the same section.
declare -A TIPC_NEXT=(
    [train_params]="eval_params"
    [eval_params]="export_params"
    [export_params]="infer_params"
    [infer_params]="$TIPC_BENCHMARKS"
    [infer_benchmark_params]="$TIPC_BENCHMARKS"
    [to_static_train_benchmark_params]="$TIPC_BENCHMARKS"
    [train_benchmark_params]="$TIPC_BENCHMARKS"
    [disable_train_benchmark]="$TIPC_BENCHMARKS"
)

# broken LINE SENTENCE: ends with a sentence about a wrong line of the file.
broken() { fail "$tipc_file line $1: $2."; }

# open_tipc FILE KIND: goes to the root of the repository, checks the whole file and puts its lines into `lines`,
# counted from 1. KIND: train (the sections in their order; the file may end after any of them), paddle2onnx, dy2static.
# If a line is wrong, it ends with a sentence that names the line.
open_tipc() {
    local line
    tipc_file=$1
    [ -f "$tipc_file" ] || fail "$tipc_file does not exist; name a file of test_tipc/configs/."
    case $tipc_file in /*) ;; *) tipc_file=$PWD/$tipc_file ;; esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
    tipc_file=${tipc_file#"$PWD/"}
    lines=("")
    while IFS= read -r line || [ -n "$line" ]; do
        lines+=("$(trimmed "$line")")
    done <"$tipc_file"
    while [ "${#lines[@]}" -gt 1 ] && [ -z "${lines[-1]}" ]; do
        unset 'lines[-1]'
    done
    case $2 in
        train) check_sections train_params ;;
        paddle2onnx) check_sections paddle2onnx_params ;;
        dy2static) check_sections base_train ;;
    esac

    model_name=$(func_parser_value "${lines[2]}")
    python=$(func_parser_value "${lines[3]}")
    plain_name "$model_name" || broken 2 "model_name '$model_name' is not a plain name; use letters, digits, - and _"
    command -v "$python" >/dev/null || broken 3 "the interpreter $python does not exist; name another one"
}

# check_sections FIRST: checks that `lines` consists of whole sections and begins with FIRST.
check_sections() {
    local allowed=$1 name= after number index words
    [ "${#lines[@]}" -gt 1 ] || fail "$tipc_file is empty; its first line is the heading ===$1===."
    for ((number = 1; number < ${#lines[@]}; number++)); do
        after=${name:+, but the section $name ends before it}
        name=$(heading "${lines[number]}") \
            || broken "$number" "'${lines[number]}' is not a heading$after; write ===${allowed%% *}==="
        case " $allowed " in
            *" $name "*) ;;
            *) broken "$number" "the section $name cannot be here; expected ${allowed// / or }" ;;
        esac
        allowed=${TIPC_NEXT[$name]-$name}
        read -ra words <<<"${TIPC_SECTIONS[$name]}"
        for index in "${!words[@]}"; do
            if [ "${words[index]}" = '?' ] && section_ends_after "$number"; then
                [ "$name" != infer_params ] || [ "$(func_parser_key "${lines[48]}")" = --image_path ] || broken 48 \
                    "expected --image_path:VALUE, got '${lines[48]}'; a line is missing above or below"
                break
            elif [ "$((number + 1))" -ge "${#lines[@]}" ]; then
                # At the end of the file, the last ## may be missing.
                [ "${words[index]}" != '##' ] || [ "$((index + 1))" -lt "${#words[@]}" ] || break
                fail "$tipc_file ends in the section $name, before its line $((number + 1)); the file is cut off."
            fi
            number=$((number + 1))
            check_line "$number" "${words[index]}"
        done
    done
}

# section_ends_after N: whether line N is the last of the file, or a heading follows it.
section_ends_after() { [ "$(($1 + 1))" -ge "${#lines[@]}" ] || heading "${lines[$1 + 1]}" >/dev/null; }

# check_line N WORD: checks that line N fits WORD of a section.
check_line() {
    local line=${lines[$1]} wanted=$2:VALUE
    local shifted="a line above is missing or should not be there"
    case $2 in
        -) ;;
        '##') [ "$line" = "##" ] || broken "$1" "expected ##, got '$line'; $shifted" ;;
        *)
            case $2 in '*' | '?') wanted=KEY:VALUE ;; esac
            [[ $line == *:* ]] || broken "$1" "expected $wanted, got '$line'; null:null leaves a line out"
            [ "$wanted" = KEY:VALUE ] || [ "$(func_parser_key "$line")" = "$2" ] \
                || broken "$1" "expected $wanted, got '$line'; $shifted"
            ;;
    esac
}

# Prints the name in a heading, ===NAME===.
heading() {
    [[ $1 =~ ^=+\ *([a-z0-9_]+)\ *=+$ ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# Whether $1 is a plain folder name, which leads nowhere else.
plain_name() { [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]]; }

# Prints the number of the line after the heading of section $1, or nothing.
first_line_of() {
    local number
    for ((number = 1; number < ${#lines[@]}; number++)); do
        if [ "$(heading "${lines[number]}")" = "$1" ]; then
            printf '%s' $((number + 1))
            return
        fi
    done
}

# has_section NAME: whether the file has the section.
has_section() { [ -n "$(first_line_of "$1")" ]; }

# require_mode MODE MODES: ends with a sentence unless MODE is one of them.
require_mode() {
    case " $2 " in
        *" ${1:-none} "*) ;;
        *) fail "the mode '$1' is unknown; use one of ${2// /, }." ;;
    esac
}

# mode_value N: puts the value of line N for $MODE into `reply`.
mode_value() {
    reply=$(func_parser_params "${lines[$1]}") \
        || broken "$1" "no value for the mode $MODE in '${lines[$1]}'; add |$MODE=VALUE"
}

# split_words COMMAND: puts its words into `words`; quotes work as in a shell.
split_words() {
    local text
    text=$(xargs -r -n 1 printf '%s\n' <<<"$1" 2>/dev/null) || fail "$tipc_file: a quote is missing in '$1'; add it."
    words=()
    [ -z "$text" ] || mapfile -t words <<<"$text"
}

# Appends KEY=VALUE to the command in `cmd`, unless the key or the value is null, or the value is empty.
func_set_params() {
    local value=$2
    [[ $value =~ ^\'(.*)\'$ ]] && value=${BASH_REMATCH[1]}
    if [ "$1" != null ] && [ "$value" != null ] && [ -n "$value" ]; then
        cmd+=("$1=$value")
    fi
}

# Puts the number of cards that this machine and its Paddle have into `cards_here`. It is found only once.
count_cards() {
    [ -z "${cards_here-}" ] || return 0
    if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
        cards_here=$("$python" -c 'import paddle; print(paddle.device.cuda.device_count())' 2>/dev/null | tail -n 1)
    fi
    cards_here=${cards_here:-0}
}

# open_log NAME: starts the log of results, and the counts that `finish` prints.
open_log() {
    LOG_PATH=./test_tipc/output/$model_name/$MODE
    status_log=$LOG_PATH/$1
    passed=0 failed=0 skipped=0
    mkdir -p "$LOG_PATH"
    echo "------------------------ $MODE ------------------------" >>"$status_log"
}

# status_check STATUS COMMAND STATUS_LOG MODEL_NAME LOG_PATH
status_check() {
    local verdict=successfully
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        verdict=failed
        failed=$((failed + 1))
    fi
    printf '\033[33m Run %s with command - %s - %s - %s  \033[0m\n' "$verdict" "$4" "$2" "$5" | tee -a "$3"
}

# run_step LOG: runs the command in `cmd`. Its output goes to the screen and to LOG, its result to the status log.
run_step() {
    local status=0
    mkdir -p "$(dirname "$1")"
    printf '\n==> %s\n' "${cmd[*]}"
    "${cmd[@]}" 2>&1 | tee "$1"
    status=${PIPESTATUS[0]}
    status_check "$status" "${cmd[*]}" "$status_log" "$model_name" "$1"
    return "$status"
}

# skip WHAT WHY
skip() {
    skipped=$((skipped + 1))
    printf ' Skipped - %s - %s: %s\n' "$model_name" "$1" "$2" | tee -a "$status_log"
}

# Prints the counts. Ends with status 1 if a step failed, or if no step was run.
finish() {
    printf '\n%s %s: %d ran successfully, %d failed, %d skipped; see %s\n' \
        "$model_name" "$MODE" "$passed" "$failed" "$skipped" "$status_log"
    [ "$failed" -eq 0 ] || exit 1
    [ "$passed" -gt 0 ] || fail "no step was run, so nothing was tested; the reasons are above."
}

# require_file PATH LINE: ends with a sentence unless PATH, which line LINE names, exists.
require_file() {
    [ -e "$1" ] || broken "$2" "$1 does not exist; run bash test_tipc/prepare.sh $tipc_file $MODE first"
}

# require_data PATH LINE: the same for pictures. Those of prepare.sh must be for this mode.
require_data() {
    local made_for
    require_file "$1" "$2"
    case ${1#./} in test_tipc/data/*) ;; *) return 0 ;; esac
    made_for=$(cat test_tipc/data/prepared_for 2>/dev/null)
    [ "$made_for" = "$MODE" ] || fail "test_tipc/data was prepared for ${made_for:-nothing}; run bash \
test_tipc/prepare.sh $tipc_file $MODE first."
}
