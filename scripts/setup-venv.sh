#!/bin/sh
# Makes .venv from a lock, every file checked by its hash. Takes no time where the lock is installed already.
# Usage: setup-venv.sh demo|test
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
in_english

case $1 in
    demo) lock=requirements-demo.lock space=500 ;;
    test) lock=requirements.lock space=800 ;;
    *) fail "usage: setup-venv.sh demo|test" ;;
esac

# A virtual environment is bound to its folder; a stamp from elsewhere, or of another lock, does not count.
stamp_of() { printf '%s %s\n' "$ROOT" "$(sha256sum <"$1" | cut -d ' ' -f 1)"; }
installed() { [ -x .venv/bin/python ] && [ "$(cat ".venv/callrouter-$1" 2>/dev/null)" = "$(stamp_of "$2")" ]; }

# Everything for the tests holds everything for the demo (tests/packaging checks that the locks agree).
if installed test requirements.lock || { [ "$1" = demo ] && installed demo "$lock"; }; then
    exit 0
fi

one_at_a_time
need_space "$space" "The Python environment"
log=$LOGS/venv.log
python=$(scripts/find-python.sh) || fail "no Python from 3.11 to 3.13 was found. Name one: make PYTHON=/path/to/python3.12 …"

stage "Python environment from $lock, $("$python" -V)"
: >"$log"
fresh() { "$python" -m venv --clear .venv >>"$log" 2>&1 || stage_failed "$log" "no virtual environment could be made in $ROOT/.venv."; }
# Packages of an older lock, or of a set-up that was cut short, must not linger.
stale() { [ -f ".venv/callrouter-$1" ] && ! installed "$1" "$2"; }
if stale demo requirements-demo.lock || stale test requirements.lock; then
    fresh
fi
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >>"$log" 2>&1; then
    fresh
fi
echo unfinished >".venv/callrouter-$1"
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes --no-deps \
    --only-binary :all: -r "$lock" >>"$log" 2>&1; then
    if grep -q 'No space left on device' "$log"; then
        why="the disk is full."
    elif grep -q 'DO NOT MATCH THE HASHES' "$log"; then
        why="a package is not the one that was locked. Nothing unknown was installed."
    elif grep -q 'CERTIFICATE_VERIFY_FAILED' "$log"; then
        why="the certificate of the package index is not trusted here. PIP_CERT names a file of certificates that are."
    elif grep -q 'Connection\|Temporary failure in name resolution\|Read timed out' "$log"; then
        why="the package index cannot be reached. Is there a network?"
    else
        why="pip refused."
    fi
    stage_failed "$log" "installing the packages of $lock: $why"
fi

# The checkout itself: importable, and its command runs whatever the folder is called (a shebang cannot hold blanks).
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$ROOT" >"$site/callrouter-checkout.pth"
cat >.venv/bin/callrouter <<'END'
#!/bin/sh
'''exec' "$(dirname "$0")/python" "$0" "$@"
' '''
import sys

from callrouter.cli import main

sys.exit(main())
END
chmod +x .venv/bin/callrouter
stamp_of "$lock" >".venv/callrouter-$1"
stage_done "$(grep -c == "$lock") packages"
