#!/bin/sh
# Prints the first Python from 3.11 to 3.13 that can make virtual environments; fails if the host has none.
# PYTHON names one to be taken instead.
set -eu

for python in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
    [ "$python" != "${PYTHON:-}" ] || exit 1
done
exit 1
