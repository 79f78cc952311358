#!/bin/sh
# Unpacks Debian's Asterisk into .pbx as an ordinary user: no chroot, no mounts, nothing installed on the host.
# Usage: setup-pbx.sh demo|test; a demo is content with the host's own Asterisk if that is new enough.
# CALLROUTER_DEBIAN_MIRROR names a mirror; otherwise mmdebstrap takes its default.
# .pbx/VERSION is written last and holds Asterisk's version: a folder without it is not whole and is made anew.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
in_english

SUITE=forky
PACKAGES=asterisk,espeak-ng,sip-tester

if [ "$1" = demo ] && system_pbx; then
    exit 0
fi

whole() { new_enough "$(cat .pbx/VERSION 2>/dev/null)" && in_folder .pbx usr/sbin/asterisk -V >/dev/null 2>&1; }
if whole; then
    exit 0
fi

one_at_a_time
if whole; then
    exit 0
fi
case $ROOT in
    *:*) fail "the folder $ROOT has a colon in its name, which no library path can hold. Move the checkout." ;;
esac
need_space 1000 "Unpacking Asterisk"

log=$LOGS/pbx.log
new=.pbx.new
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || keyring=${keyring%.gpg}.pgp

drop() {
    [ ! -d "$1" ] || chmod -R u+w "$1"
    rm -rf "$1"
}
# A set-up that was stopped leaves no half folder behind.
trap 'drop "$new"' EXIT
trap 'exit 130' INT TERM HUP

# unpack OPTIONS…
unpack() {
    drop "$new"
    # /dev/null as standard input: nothing may ask. The lock's descriptor stays ours.
    mmdebstrap --mode=fakechroot --variant=extract --keyring="$keyring" --include="$PACKAGES" "$@" \
        "$SUITE" "$new" ${CALLROUTER_DEBIAN_MIRROR:+"$CALLROUTER_DEBIAN_MIRROR"} >"$log" 2>&1 </dev/null 9>&-
}

stage "Unpacking Asterisk from Debian $SUITE into .pbx (about 100 MB to fetch)"
if ! unpack; then
    if grep -q '^E: Release file for .* is expired' "$log" && ! grep -q 'is not valid yet' "$log"; then
        expired=$(sed -n 's/^E: Release file for .* is expired (\(.*\)).*/\1/p' "$log" | head -n 1)
        stage_done "the mirror's Release file is expired ($expired)"
        stage "Unpacking it all the same: signatures are still checked, only the date is not"
        unpack --aptopt='Acquire::Check-Valid-Until "false"' || retry_failed=1
    else
        retry_failed=1
    fi
fi
if [ "${retry_failed:-0}" -eq 1 ]; then
    if grep -q 'No space left on device\|enough free space' "$log"; then
        why="the disk is full."
    elif grep -q 'Temporary failure resolving\|Could not resolve\|Could not connect\|Unable to connect\|timed out' "$log"; then
        why="the Debian mirror cannot be reached. Is there a network? CALLROUTER_DEBIAN_MIRROR names another mirror."
    elif grep -q 'NO_PUBKEY\|is not signed\|signatures couldn.t be verified\|Signing key' "$log"; then
        why="the mirror's signature is not by a key of the host's debian-archive-keyring. Update that package."
    elif grep -q 'is not valid yet' "$log"; then
        why="the mirror's Release file is from the future: set the host's clock."
    elif grep -q 'Unable to locate package\|no installation candidate' "$log"; then
        why="the mirror has no asterisk in $SUITE. CALLROUTER_DEBIAN_MIRROR names another mirror."
    else
        why="mmdebstrap failed."
    fi
    stage_failed "$log" "unpacking Asterisk: $why"
fi

version=$(asterisk_version "$(in_folder "$new" usr/sbin/asterisk -V 2>>"$log")")
if [ -z "$version" ]; then
    stage_failed "$log" "the unpacked Asterisk does not start on this host."
elif ! new_enough "$version"; then
    stage_failed "$log" "the mirror has Asterisk $version; $OLDEST_ASTERISK or newer is needed, because older ones" \
        "cannot give up a silent trunk in time. CALLROUTER_DEBIAN_MIRROR names another mirror."
fi
in_folder "$new" usr/bin/espeak-ng --path="$(echo "$new"/usr/lib/*/espeak-ng-data/..)" -v id -q x >>"$log" 2>&1 ||
    stage_failed "$log" "the unpacked espeak-ng does not speak on this host."
# What only readers of manuals and scripts in Perl or Python would miss.
for extra in share/man share/info share/locale share/lintian share/perl share/perl5 lib/python3 lib/python3.*; do
    drop "$new/usr/$extra"
done
echo "$version" >"$new/VERSION"
drop .pbx
mv "$new" .pbx
stage_done "Asterisk $version, $(du -sm .pbx | cut -f 1) MB"
