#!/bin/sh
# Makes the secrets that compose.yaml hands to the containers as files. Those that exist are kept.
set -eu

umask 077
folder=$(dirname "$0")/../.state/compose
mkdir -p "$folder"
if [ ! -s "$folder/database-password" ]; then
    od -An -N 24 -t x1 /dev/urandom | tr -d ' \n' >"$folder/database-password"
fi
if [ ! -s "$folder/database-url" ]; then
    printf 'postgresql://callrouter:%s@127.0.0.1:5432/callrouter' "$(cat "$folder/database-password")" \
        >"$folder/database-url"
fi
# Compose mounts a file with the owner and mode it has here; the containers' users have other numbers. The folder
# keeps the others of this host out.
chmod 0444 "$folder"/*
chmod 0700 "$folder"
