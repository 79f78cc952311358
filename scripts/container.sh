#!/bin/sh
# What runs in the containers.
#   prepare      database, table (CALLROUTER_TABLE, where none is published yet), prompts, the PBX's configuration
#   asterisk     the PBX with the configuration that `prepare` wrote
#   anything else is run as it is, such as `callrouter serve`
# CALLROUTER_DATABASE_URL_FILE names a file that holds the database's URL, so that no password is in the environment
# of the container's description.
set -eu
umask 027

if [ -n "${CALLROUTER_DATABASE_URL_FILE:-}" ]; then
    if [ ! -r "$CALLROUTER_DATABASE_URL_FILE" ]; then
        echo "callrouter: CALLROUTER_DATABASE_URL_FILE names $CALLROUTER_DATABASE_URL_FILE, which cannot be read." >&2
        exit 2
    fi
    CALLROUTER_DATABASE_URL=$(cat "$CALLROUTER_DATABASE_URL_FILE")
    export CALLROUTER_DATABASE_URL
fi

case ${1:-} in
    prepare)
        callrouter migrate
        # A table that was published before stays in force: a restart of the containers changes no routing.
        if [ ! -e "$CALLROUTER_STATE/table-imported" ]; then
            callrouter routes import "${CALLROUTER_TABLE:?names no routing table (YAML) to begin with}" \
                --yes --publish --why "first table"
            : >"$CALLROUTER_STATE/table-imported"
        fi
        callrouter prompts
        exec callrouter pbx render
        ;;
    asterisk)
        for loader in /opt/asterisk/usr/lib/*/ld-linux*.so.*; do :; done
        libraries=${loader%/*}
        exec "$loader" --library-path "$libraries:$libraries/pulseaudio" /opt/asterisk/usr/sbin/asterisk \
            -f -C "$CALLROUTER_STATE/asterisk/etc/asterisk.conf"
        ;;
    *)
        exec "$@"
        ;;
esac
