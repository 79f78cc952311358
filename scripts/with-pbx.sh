#!/bin/sh
# Runs a command with CALLROUTER_PBX_ROOT naming the unpacked PBX; left unset where the host's own Asterisk will do.
# Usage: with-pbx.sh demo|test COMMAND…
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

use=$1
shift
# Python is started anew dozens of times: for the service, its workers, each telephone. Compiled once is enough.
unset PYTHONDONTWRITEBYTECODE
if [ "$use" = test ] || ! system_pbx; then
    CALLROUTER_PBX_ROOT=$ROOT/.pbx
    export CALLROUTER_PBX_ROOT
fi
exec "$@"
