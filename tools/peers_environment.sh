#!/usr/bin/env bash
# Makes the environment of SSSegmentation and mmsegmentation for tests/peers.
#
#   bash tools/peers_environment.sh DIR     a virtual environment in DIR; a second run finds it ready
#
# Paddle and torch never share a process or an environment. pip installs the torch of your package index. With a CPU
# build, the whole environment has 1.5 GB; with CUDA libraries, it has several times as much.
set -euo pipefail

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

case ${1:-} in
    '' | -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
[ $# -eq 1 ] || fail "tools/peers_environment.sh takes one folder, not $#"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=$root/tests/peers/requirements.txt
venv=$1 stamp=$1/paddleseg_ext-peers.stamp
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cksum <"$packages")" ]; then
    exit
fi

if [ ! -x "$venv/bin/python" ]; then
    base=
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            base=$candidate
            break
        fi
    done
    [ -n "$base" ] || fail "the peers need Python 3.10 to 3.12; install one, or name it: PYTHON=/path/to/python bash $0 $1"
    say "Making a virtual environment for the peers in $venv"
    "$base" -m venv "$venv" || fail "$base cannot make virtual environments (on Debian: apt install python3-venv)"
fi

install() { "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@" || fail "$failure; pip's message is above"; }
say "Installing torch for the peers ..."
failure="torch could not be installed"
install -c "$packages" torch setuptools wheel
# --no-deps: mmcv-lite and mmengine require another OpenCV than ours; requirements.txt pins all packages.
say "Installing SSSegmentation and mmsegmentation ..."
failure="the peers could not be installed"
install --no-deps --no-build-isolation -r "$packages"
"$venv/bin/python" - "$root/paddleseg_ext/parity/peer_side" <<'PY' || fail "the peers cannot be imported from $venv; delete it and run this again"
import sys

sys.path.insert(0, sys.argv[1])
import bootstrap  # noqa: F401
import mmseg.models
import ssseg.modules
PY
cksum <"$packages" >"$stamp"
