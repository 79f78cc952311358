"""What a PBX that runs with rendered files shows over the manager interface, as far as the service reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callrouter.asterisk.provisioned import OperatorEntry, TrunkEntry
from callrouter.asterisk.readback import LAST, OURS
from callrouter.asterisk.render import Rendered

Shown = dict[str, Any]
"""globals: by name; queues: names; endpoints: by name, its parts as lists of headers."""


def shown(rendered: Rendered) -> Shown:
    """Return it, ready to be written as JSON."""
    queues = [f"{group}{end}" for group in rendered.groups for end in ("", LAST)]
    endpoints = {one.name: _trunk(one, rendered) for one in rendered.trunks}
    endpoints |= {one.key: _operator(one, rendered) for one in rendered.operators}
    return {
        "globals": dict(rendered.globals),
        "queues": [*queues, f"{OURS}{rendered.sentinels['queues.conf']}"],
        "endpoints": endpoints,
    }


def _trunk(trunk: TrunkEntry, rendered: Rendered) -> list[dict[str, str]]:
    if trunk.login is not None:
        raise ValueError(f"{trunk.name}: a trunk that logs in is not played")
    endpoint = {
        "Event": "EndpointDetail",
        "ObjectName": trunk.name,
        "Transport": trunk.transport,
        "Context": trunk.context,
        "Allow": f"({'|'.join(trunk.codecs)})",
        "DtmfMode": trunk.dtmf,
        "TrustIdInbound": "true" if trunk.trusted_identity else "false",
        "IdentifyBy": "ip",
        "AllowTransfer": "false",
        "DirectMedia": "false",
        "SendPai": "false",
        "Auth": "",
        "Aors": ",".join(trunk.aors),
        "FromUser": trunk.presented_number or "",
        "OutboundAuth": "",
        "Language": rendered.language,
        "SetVar": _variables(trunk.variables),
    }
    aors = [
        {
            "Event": "AorDetail",
            "ObjectName": aor,
            "Contacts": f"{aor}/{trunk.uri}",
            "QualifyFrequency": str(trunk.qualify_s if aor == trunk.watch else 0),
        }
        for aor in trunk.aors
    ]
    match = {"Event": "IdentifyDetail", "ObjectName": trunk.name, "Match": f"{trunk.host}/255.255.255.255"}
    return [endpoint, *aors, match]


def _operator(operator: OperatorEntry, rendered: Rendered) -> list[dict[str, str]]:
    endpoint = {
        "Event": "EndpointDetail",
        "ObjectName": operator.key,
        "Context": "callrouter-from-operator",
        "Allow": "(alaw|ulaw)",
        "IdentifyBy": "username",
        "Auth": operator.key,
        "Aors": operator.key,
        "Callerid": f'"{operator.shown}" <{operator.key}>',
        "Language": rendered.language,
        "SetVar": _variables(operator.variables),
    }
    login = {
        "Event": "AuthDetail",
        "ObjectName": operator.key,
        "Username": operator.key,
        "Realm": rendered.realm,
        "Password": "",
        "PasswordDigest": f"MD5:{operator.digests.md5},SHA-256:{operator.digests.sha256}",
    }
    return [endpoint, {"Event": "AorDetail", "ObjectName": operator.key, "MaxContacts": "1"}, login]


def _variables(variables: Mapping[str, str]) -> str:
    return ",".join(f"{name}={text}" for name, text in variables.items())
