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
# Of prometheus only the tool stays that tries alert rules.
PACKAGES=asterisk,espeak-ng,sip-tester,prometheus,tcpdump

if [ "$1" = demo ] && system_pbx; then
    exit 0
fi

whole() {
    [ "$(cat .pbx/PACKAGES 2>/dev/null)" = "$PACKAGES" ] &&
        new_enough "$(cat .pbx/VERSION 2>/dev/null)" && in_folder .pbx usr/sbin/asterisk -V >/dev/null 2>&1
}
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
# A set-up that was stopped leaves no half folder behind.
trap 'drop "$new"' EXIT
trap 'exit 130' INT TERM HUP

unpack_debian "$log" "Unpacking Asterisk from Debian $SUITE into .pbx (about 130 MB to fetch)" "$SUITE" "$new" \
    --mode=fakechroot --variant=extract --include="$PACKAGES" ||
    stage_failed "$log" "unpacking Asterisk: $(why_not_unpacked "$log" "$SUITE")"

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
for extra in bin/prometheus share/prometheus share/javascript share/fonts share/nodejs; do
    drop "$new/usr/$extra"
done
echo "$PACKAGES" >"$new/PACKAGES"
echo "$version" >"$new/VERSION"
drop .pbx
mv "$new" .pbx
stage_done "Asterisk $version, $(du -sm .pbx | cut -f 1) MB"
