#!/usr/bin/env bash
# Sets up everything from a bare clone and runs the tests.
#
#   bash test.sh                     in a virtual environment beside the clone
#   bash test.sh --active            in the Python that is active now
#   bash test.sh --paddle 2.6.2      on another Paddle, in an environment of its own
#   bash test.sh tests/models -x     other arguments go to pytest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source tools/environment.sh

active=no paddle=
while [ $# -gt 0 ]; do
    case $1 in
        --active) active=yes; shift ;;
        --paddle) paddle=${2:?--paddle takes a version, such as 2.6.2}; shift 2 ;;
        -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) break ;;
    esac
done

enter_environment "$active" "$paddle" test
"$python" -m ruff check .
exec "$python" -m pytest "$@"
