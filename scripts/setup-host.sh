#!/bin/sh
# Names and installs what only the host's package manager can give. Does nothing where all is there.
# Usage: setup-host.sh demo|test
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
in_english

KEYRING=/usr/share/keyrings/debian-archive-keyring

missing=
want() { missing="$missing${missing:+ }$1"; }

scripts/find-python.sh >/dev/null || want python3-venv
# The tools that unpack the PBX: not for a host whose own Asterisk will do, or whose folder is complete.
if [ ! -f .pbx/VERSION ] && ! { [ "$1" = demo ] && system_pbx; }; then
    command -v mmdebstrap >/dev/null || want mmdebstrap
    command -v fakechroot >/dev/null || want fakechroot
    command -v fakeroot >/dev/null || want fakeroot
    [ -e $KEYRING.gpg ] || [ -e $KEYRING.pgp ] || want debian-archive-keyring
fi
# docs/admin.md is written with them, and a test runs it.
if [ "$1" = test ]; then
    command -v curl >/dev/null || want curl
    command -v jq >/dev/null || want jq
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    fail "this host lacks $missing and has no apt-get. Use Debian 12, Debian 13 or Ubuntu 24.04, or install them by hand."
fi
install="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=sudo
else
    fail "these packages are missing: $missing.
Have root run this, then run the same command again:
    apt-get update && $install"
fi

echo "From the host's package manager: $missing"
[ -z "$as_root" ] || echo "    sudo $install"
one_at_a_time
log=$LOGS/host.log
[ -z "$as_root" ] || sudo -v || fail "sudo was refused. Have root run: apt-get update && $install"

stage "Installing them"
export DEBIAN_FRONTEND=noninteractive
if ! $as_root apt-get update >"$log" 2>&1; then
    echo "(apt-get update failed: trying with the lists that are there)" >>"$log"
fi
# shellcheck disable=SC2086  # package names and their command are words on purpose
if ! $as_root env DEBIAN_FRONTEND=noninteractive $install >>"$log" 2>&1; then
    if grep -q 'No space left on device\|enough free space' "$log"; then
        why="the disk is full."
    elif grep -q 'Temporary failure resolving\|Could not resolve\|Could not connect\|Failed to fetch' "$log"; then
        why="the package mirror cannot be reached. Is there a network?"
    elif grep -q 'Unable to locate package\|no installation candidate' "$log"; then
        why="the host's package lists lack one of them. On Ubuntu, enable the component 'universe'."
    else
        why="the package manager refused."
    fi
    stage_failed "$log" "installing $missing: $why"
fi
scripts/find-python.sh >/dev/null ||
    stage_failed "$log" "python3 of this host is not 3.11, 3.12 or 3.13. Name one that is: make PYTHON=/path/to/python3.12 …"
stage_done ""
