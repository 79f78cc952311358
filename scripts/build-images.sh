#!/bin/sh
# Builds both images from the Dockerfile without a daemon, then starts PBX and service in them and waits until the
# service says that it is ready. Needs buildah, podman and mmdebstrap, about 6 GB in build/, and root (or a user with
# subordinate ids). The base image is made here from Debian's packages, so nothing comes from an image registry.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
in_english

SUITE=trixie
BASE=localhost/callrouter-base
STORE=$ROOT/build/images
READY_S=60
# Layers make a second build quicker where the storage is; with vfs each is a whole copy, and costs more than it saves.
LAYERS=${LAYERS:-false}

for tool in buildah podman mmdebstrap; do
    command -v "$tool" >/dev/null || fail "building the images needs $tool. As root: apt-get install -y $tool"
done
one_at_a_time
need_space 6000 "Building the images"
log=$LOGS/images.log
mkdir -p "$STORE"

store() { tool=$1; shift; "$tool" --storage-driver vfs --root "$STORE/storage" --runroot "$STORE/run" "$@" 9>&-; }

if ! store buildah inspect --type image "$BASE" >/dev/null 2>&1; then
    unpack_debian "$log" "Base image: Debian $SUITE" "$SUITE" "$STORE/base.tar" --variant=apt ||
        stage_failed "$log" "making the base image: $(why_not_unpacked "$log" "$SUITE")"
    store podman import --quiet "$STORE/base.tar" "$BASE" >>"$log" 2>&1 ||
        stage_failed "$log" "podman could not import the base image."
    rm -f "$STORE/base.tar"
    stage_done ""
fi

# What this host needs to reach index and mirror is handed to the build, never written into the images.
set -- --build-arg "BASE=$BASE"
[ -z "${PIP_INDEX_URL:-}" ] || set -- "$@" --build-arg "PIP_INDEX_URL=$PIP_INDEX_URL"
[ -z "${PIP_CERT:-}" ] ||
    set -- "$@" --build-arg PIP_CERT=/run/pip-cert.pem --volume "$(readlink -f "$PIP_CERT"):/run/pip-cert.pem:ro"
[ -z "${CALLROUTER_DEBIAN_MIRROR:-}" ] ||
    set -- "$@" --build-arg "CALLROUTER_DEBIAN_MIRROR=$CALLROUTER_DEBIAN_MIRROR"
for target in service pbx; do
    stage "Image callrouter-$target"
    store buildah bud --isolation chroot --layers="$LAYERS" --format docker --target "$target" \
        --tag "localhost/callrouter-$target" "$@" . >"$log" 2>&1 || stage_failed "$log" "building callrouter-$target."
    stage_done ""
done

# Both containers, one state folder between them, on loopback ports of their own.
state=$STORE/state
rm -rf "$state"
mkdir -p "$state"
chmod 0777 "$state"
service=$(store buildah from "localhost/callrouter-service")
pbx=$(store buildah from "localhost/callrouter-pbx")
finish() {
    : >"$state/stop"
    wait
    store buildah rm "$service" "$pbx" >/dev/null 2>&1 || true
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# inside CONTAINER COMMAND…
inside() {
    container=$1
    shift
    store buildah run --isolation chroot --volume "$state:/var/lib/callrouter" \
        --env CALLROUTER_SIP_PORT=45060 --env CALLROUTER_AGI_PORT=44573 --env CALLROUTER_AMI_PORT=45038 \
        --env CALLROUTER_API_PORT=48112 --env CALLROUTER_RTP_FROM=42000 --env CALLROUTER_RTP_TO=42999 \
        --env CALLROUTER_TABLE=/opt/table.yaml "$container" -- "$@"
}
# until_stopped CONTAINER COMMAND…: ends with the file `stop`, or by itself after five minutes.
until_stopped() {
    container=$1
    shift
    # shellcheck disable=SC2016  # expanded inside the container
    inside "$container" sh -c '"$@" & child=$!
        for _ in $(seq 1500); do
            [ ! -e "$CALLROUTER_STATE/stop" ] && kill -0 $child 2>/dev/null || break
            sleep 0.2
        done
        kill $child 2>/dev/null; wait $child' sh /usr/local/bin/callrouter-container "$@"
}

stage "In the image of the PBX: database, table, prompts, configuration"
store buildah copy --quiet "$pbx" examples/kab-malang.yaml /opt/table.yaml >"$log" 2>&1
inside "$pbx" /usr/local/bin/callrouter-container prepare >>"$log" 2>&1 || stage_failed "$log" "preparing in the image."
stage_done ""

stage "PBX and service, each in its image"
until_stopped "$pbx" asterisk >"$LOGS/images-pbx.log" 2>&1 &
until_stopped "$service" callrouter serve >"$log" 2>&1 &
ask='import sys, urllib.request as r; print(r.urlopen("http://127.0.0.1:48112" + sys.argv[1], timeout=3).read().decode())'
waited=0
until inside "$service" python -c "$ask" /readyz >"$LOGS/images-ready.log" 2>&1; do
    waited=$((waited + 1))
    [ "$waited" -lt "$READY_S" ] || stage_failed "$log" "the service in its image was not ready within $READY_S tries."
    sleep 1
done
stage_done "ready: $(cat "$LOGS/images-ready.log")"
stage "Stopping both"
finish
trap - EXIT
stage_done ""
