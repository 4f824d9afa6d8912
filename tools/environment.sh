# quickstart.sh and test.sh source this file. It finds or makes the environment that they run in.
#
#   enter_environment ACTIVE PADDLE [EXTRA]   sets $python to an interpreter with all packages installed
#
# ACTIVE "yes" installs into the active interpreter. Otherwise a virtual environment is made beside the clone, or in
# $PADDLESEG_EXT_VENV, and kept. PADDLE "" keeps an installed Paddle (2.6.2 to 3.3.1, CPU or GPU), or installs the
# locked default; a version installs that version. EXTRA is one of the optional dependencies in pyproject.toml.

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Prints the first interpreter that fits this project. $PYTHON may name one.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10 python3.9 python}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Prints the version of the Paddle of interpreter $1, if this project supports it.
usable_paddle() {
    "$1" - <<'PY' 2>/dev/null
from importlib.metadata import PackageNotFoundError, version
for name in ("paddlepaddle-gpu", "paddlepaddle"):
    try:
        found = version(name).split(".post")[0]
    except PackageNotFoundError:
        continue
    if (2, 6, 2) <= tuple(int(part) for part in found.split(".")[:3]) <= (3, 3, 1):
        print(found)
        break
PY
}

enter_environment() {
    local active=$1 paddle=$2 extra=${3:-} base venv present want stamp
    base=$(find_python) || fail "no Python 3.9 to 3.12 was found; install one, or name it: PYTHON=/path/to/python bash $0"
    if [ "$active" = yes ]; then
        python=$base
    else
        venv=${PADDLESEG_EXT_VENV:-$(dirname "$PWD")/$(basename "$PWD")-venv}${paddle:+-paddle$paddle}
        if [ ! -x "$venv/bin/python" ]; then
            local keep=
            if [ -z "$paddle" ] && [ -n "$(usable_paddle "$base")" ]; then
                say "Keeping the Paddle $(usable_paddle "$base") of $base."
                keep=--system-site-packages
            fi
            say "Making a virtual environment in $venv"
            "$base" -m venv $keep "$venv" || fail "$base cannot make virtual environments (on Debian: apt install python3-venv)"
        fi
        python=$venv/bin/python
    fi

    present=$(usable_paddle "$python")
    want=
    if [ -n "$paddle" ]; then
        [ "$present" = "$paddle" ] || want="paddlepaddle==$paddle"
    elif [ -z "$present" ]; then
        want=paddlepaddle
    fi

    # This file notes the last installation, so that a second run starts at once.
    stamp=$("$python" -c 'import sys; print(sys.prefix)')/paddleseg_ext${extra:+-$extra}.stamp
    if [ -z "$want" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(_content)" ]; then
        return
    fi
    say "Installing packages${want:+ and $want} ..."
    local constraints=constraints.txt
    if [ -n "$paddle" ]; then
        constraints=$(mktemp)
        grep -v '^paddlepaddle==' constraints.txt >"$constraints"
    fi
    "$python" -m pip install -q --disable-pip-version-check -c "$constraints" -e ".${extra:+[$extra]}" $want \
        || fail "the packages could not be installed; pip's message is above"
    if command -v "${CXX:-g++}" >/dev/null; then
        say "Building the psamask operator ..."
        "$python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation ./custom_ops \
            || fail "the psamask operator could not be built; the compiler's message is above"
    else
        say "No C++ compiler (${CXX:-g++}) was found: psamask runs on Paddle's own operators instead, which is slower."
    fi
    _content >"$stamp"
}

# Prints everything that an environment depends on: package lists, the operator's sources, the clone's path, Paddle.
_content() {
    cat requirements.txt constraints.txt pyproject.toml setup.py custom_ops/*.py custom_ops/csrc/* | cksum
    printf '%s\n' "$PWD" "$(usable_paddle "$python")"
}
