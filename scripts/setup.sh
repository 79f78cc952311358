#!/bin/sh
# All that a fresh checkout needs, in order; nothing is done twice. Usage: setup.sh demo|test
set -eu

case ${1:-} in
    demo | test) ;;
    *)
        echo "Usage: $0 demo|test" >&2
        exit 2
        ;;
esac
here=$(dirname "$0")
"$here/setup-host.sh" "$1"
"$here/setup-venv.sh" "$1"
"$here/setup-pbx.sh" "$1"
