# shellcheck shell=sh
# Shared by the set-up scripts: one line a stage, one clear sentence for each failure (exit code 2).

cd "$(dirname "$0")/.." || exit 2
ROOT=$PWD
LOGS=build/setup
OLDEST_ASTERISK=22.10

fail() {
    printf 'Set-up failed: %s\n' "$*" >&2
    exit 2
}

# stage TEXT … stage_done [TEXT]: what is being done, then how long it took.
stage() {
    STAGE_BEGAN=$(date +%s)
    printf '  %s … ' "$*"
}

stage_done() {
    printf '%s s%s\n' "$(($(date +%s) - STAGE_BEGAN))" "${1:+: $1}"
}

# stage_failed LOG SENTENCE…: ends the set-up and shows the end of the log.
stage_failed() {
    printf 'failed after %s s\n' "$(($(date +%s) - STAGE_BEGAN))"
    stage_log=$1
    shift
    if [ -s "$stage_log" ]; then
        printf 'The last lines of %s:\n' "$stage_log" >&2
        tail -n 12 "$stage_log" | cut -c 1-160 | sed 's/^/  | /' >&2
    fi
    fail "$@"
}

# need_space MEGABYTES WHAT-FOR: checked before, because a full disk in the middle explains itself badly.
need_space() {
    free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
    if [ "$free_mb" -lt "$1" ]; then
        fail "$2 needs $1 MB in $ROOT, but only $free_mb MB are free. Free some space and run the same command again."
    fi
}

# Only one set-up at a time works in a checkout; a second one waits for it, and then finds all done.
one_at_a_time() {
    mkdir -p "$LOGS"
    exec 9>"$LOGS/lock"
    flock -w 900 9 || fail "another set-up in $ROOT did not end within 15 minutes. Stop it and try again."
}

# Messages of the tools are looked into, so they must be in English.
in_english() {
    LC_ALL=C
    export LC_ALL
}

# asterisk_version TEXT: the number in what `asterisk -V` printed; nothing for builds that carry no release number.
asterisk_version() {
    printf '%s\n' "$1" | sed -n 's/^Asterisk \([0-9][0-9]*\(\.[0-9][0-9]*\)*\).*/\1/p'
}

# new_enough VERSION: compares major and minor with OLDEST_ASTERISK.
new_enough() {
    [ -n "$1" ] || return 1
    [ "$(printf '%s\n%s\n' "$OLDEST_ASTERISK" "$1" | sort -V | head -n 1)" = "$OLDEST_ASTERISK" ]
}

# expired_only LOG: true if mmdebstrap stopped because the mirror's Release file is past its date, and for no other reason.
expired_only() {
    grep -q '^E: Release file for .* is expired' "$1" && ! grep -q 'is not valid yet\|NO_PUBKEY\|is not signed' "$1"
}

# unpack_debian LOG WHAT SUITE TARGET MMDEBSTRAP-OPTIONS…: strictly first; a mirror that is only out of date is taken,
# and that is said.
unpack_debian() {
    unpack_log=$1 unpack_what=$2 unpack_suite=$3 unpack_target=$4
    shift 4
    stage "$unpack_what"
    run_mmdebstrap "$@" && return 0
    expired_only "$unpack_log" || return 1
    stage_done "the mirror's Release file is $(sed -n 's/^E: Release file for .* is \(expired ([^)]*)\).*/\1/p' "$unpack_log" | head -n 1)"
    stage "Unpacking it all the same: signatures are still checked, only the date is not"
    run_mmdebstrap --aptopt='Acquire::Check-Valid-Until "false"' "$@"
}

# Nothing may ask (no standard input), and the lock's descriptor stays ours.
run_mmdebstrap() {
    drop "$unpack_target"
    mmdebstrap --keyring="$(debian_keyring)" "$@" "$unpack_suite" "$unpack_target" \
        ${CALLROUTER_DEBIAN_MIRROR:+"$CALLROUTER_DEBIAN_MIRROR"} >"$unpack_log" 2>&1 </dev/null 9>&-
}

# drop PATH: removes it, also where the packages brought folders that may not be written.
drop() {
    [ ! -d "$1" ] || chmod -R u+w "$1"
    rm -rf "$1"
}

# why_not_unpacked LOG SUITE: the cause of a failed unpack_debian, for a person.
why_not_unpacked() {
    if grep -q 'No space left on device\|enough free space' "$1"; then
        echo "the disk is full."
    elif grep -q 'Temporary failure resolving\|Could not resolve\|Could not connect\|Unable to connect\|timed out' "$1"; then
        echo "the Debian mirror cannot be reached. Is there a network? CALLROUTER_DEBIAN_MIRROR names another mirror."
    elif grep -q 'NO_PUBKEY\|is not signed\|signatures couldn.t be verified\|Signing key' "$1"; then
        echo "the mirror's signature is not by a key of the host's debian-archive-keyring. Update that package."
    elif grep -q 'is not valid yet' "$1"; then
        echo "the mirror's Release file is from the future: set the host's clock."
    elif grep -q 'Unable to locate package\|no installation candidate' "$1"; then
        echo "the mirror lacks a package in $2. CALLROUTER_DEBIAN_MIRROR names another mirror."
    else
        echo "mmdebstrap failed."
    fi
}

# The keyring's name changed between releases.
debian_keyring() {
    for keyring in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
        [ -e "$keyring" ] && break
    done
    echo "$keyring"
}

# True if the host has what a demo needs: a new enough Asterisk, and espeak-ng for the prompts.
# Ordinary users have no sbin in their PATH; from here on they do.
system_pbx() {
    PATH=$PATH:/usr/sbin:/usr/local/sbin
    command -v asterisk >/dev/null && command -v espeak-ng >/dev/null || return 1
    new_enough "$(asterisk_version "$(asterisk -V 2>/dev/null)")"
}

# in_folder FOLDER PROGRAM ARGUMENTS…: runs a program of the unpacked PBX with the folder's own loader and libraries.
in_folder() {
    folder=$1
    program=$2
    shift 2
    for loader in "$folder"/usr/lib/*/ld-linux*.so.* "$folder"/usr/lib/ld-linux*.so.*; do
        [ -x "$loader" ] && break
    done
    for libraries in "$folder"/usr/lib/*-linux-gnu*; do
        [ -d "$libraries" ] && break
    done
    "$loader" --library-path "$libraries:$libraries/pulseaudio" "$folder/$program" "$@"
}
