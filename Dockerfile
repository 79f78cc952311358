# Two images from one file:
#   --target service   the router
#   --target pbx       Asterisk with what renders our configuration and makes the prompts
# Both are Debian 13 with its Python 3.13; the PBX is the same unpacked folder that the tests use, so that what was
# tested is what runs. `make images` builds both without a daemon and starts the service in its image.
# Where the build needs a package index, a certificate or a mirror of its own, give them as build arguments:
# PIP_INDEX_URL, PIP_CERT (a path inside the build), CALLROUTER_DEBIAN_MIRROR.
ARG BASE=debian:13-slim

FROM ${BASE} AS python
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 ca-certificates passwd \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 1112 --user-group --home-dir /var/lib/callrouter --shell /usr/sbin/nologin callrouter \
    && install -d -o callrouter -g callrouter -m 0750 /var/lib/callrouter

FROM python AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
ARG PIP_INDEX_URL
ARG PIP_CERT
WORKDIR /src
COPY requirements-service.lock requirements-build.lock ./
RUN for part in service build; do \
        python3 -m venv /opt/callrouter-$part \
        && /opt/callrouter-$part/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: \
            -r requirements-$part.lock || exit 1; \
    done
COPY pyproject.toml README.md LICENSE ./
COPY asterisk-config asterisk-config
COPY migrations migrations
COPY examples examples
COPY callrouter callrouter
RUN /opt/callrouter-build/bin/hatchling build --target wheel --directory /wheels \
    && /opt/callrouter-service/bin/pip install --no-cache-dir --no-index --no-deps /wheels/*.whl \
    && /opt/callrouter-service/bin/pip check

FROM python AS unpack
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        mmdebstrap fakechroot fakeroot debian-archive-keyring \
    && rm -rf /var/lib/apt/lists/*
ARG CALLROUTER_DEBIAN_MIRROR
COPY scripts/lib.sh scripts/setup-pbx.sh /opt/unpack/scripts/
RUN /opt/unpack/scripts/setup-pbx.sh test

FROM python AS service
COPY --from=build /opt/callrouter-service /opt/callrouter-service
COPY scripts/container.sh /usr/local/bin/callrouter-container
ENV PATH=/opt/callrouter-service/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    CALLROUTER_STATE=/var/lib/callrouter
USER callrouter
WORKDIR /var/lib/callrouter
VOLUME /var/lib/callrouter
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/callrouter-container"]
CMD ["callrouter", "serve"]

FROM service AS pbx
COPY --from=unpack /opt/unpack/.pbx /opt/asterisk
ENV CALLROUTER_PBX_ROOT=/opt/asterisk
CMD ["asterisk"]
