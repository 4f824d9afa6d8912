#!/usr/bin/env bash
# Sets up everything from a bare clone and runs the tests.
#
#   bash test.sh                     in a virtual environment beside the clone
#   bash test.sh --active            in the Python that is active now
#   bash test.sh --paddle 2.6.2      on another Paddle, in an environment of its own
#   bash test.sh --peers             only tests/peers, against the published PyTorch implementations, and makes their
#                                    environment too ($PADDLESEG_EXT_PEERS_VENV names a place for it)
#   bash test.sh tests/models -x     other arguments go to pytest
#
# As many tests run at once as there are cores, each on one thread; -n 0 runs one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source tools/environment.sh

active=no paddle= peers=no
while [ $# -gt 0 ]; do
    case $1 in
        --active) active=yes; shift ;;
        --paddle) paddle=${2:?--paddle takes a version, such as 2.6.2}; shift 2 ;;
        --peers) peers=yes; shift ;;
        -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) break ;;
    esac
done

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# Files in the order of their names: by the number of tests, as xdist would have it, a few long ones come last and alone.
tests=(-m pytest -n auto --dist loadfile --no-loadscope-reorder)
enter_environment "$active" "$paddle" test
if [ "$peers" = yes ]; then
    venv=${PADDLESEG_EXT_PEERS_VENV:-$(dirname "$PWD")/$(basename "$PWD")-peers-venv}
    bash tools/peers_environment.sh "$venv"
    export PADDLESEG_EXT_PEERS_PYTHON=$venv/bin/python
    case " $* " in *" tests/peers"*) ;; *) set -- tests/peers "$@" ;; esac
    exec "$python" "${tests[@]}" "$@"
fi
"$python" -m ruff check .
"$python" -m ruff format --check --quiet .
"$python" -m mypy
exec "$python" "${tests[@]}" "$@"
