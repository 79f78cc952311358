"""Every name that this code and the dialplan share. The dialplan is ``asterisk-config/dialplan``."""

from __future__ import annotations

from typing import Final

CALL: Final = "CR_CALL"
PLAN: Final = "CR_PLAN_"
"""+ digits or `OTHER`, and + ``_`` + language where that makes a difference: the plan of that choice. Digits of a
menu behind an option follow those of the option: ``32``."""
OTHER: Final = "other"
CANNOT_SPEAK: Final = "silent"
"""In place of the digits: the plan of who pressed 1 because he cannot speak."""
SUSPICION: Final = "CR_SUSPICION"
"""The caller's score, 0 to 100; unset: 0."""
SPEECHLESS: Final = "CR_SPEECHLESS"
"""``yes``: the caller pressed 1 because he cannot speak; it stays so, whoever he is passed on to."""
UNSURE: Final = "CR_UNSURE"
"""``yes``: the PBX has not been told yet who is on duty and where their telephones are, but will be."""
READY: Final = "CR_READY"
"""Set last, to ``yes``: without it the dialplan takes nothing of what was handed over, and runs its failsafe."""
CATEGORY: Final = "CR_CATEGORY"
LANGUAGE: Final = "CR_LANG"
STAGE: Final = "CR_STAGE"

FIRST_LANGUAGE: Final = "CR_FIRST_LANG"
FAILSAFE_PLAN: Final = "CR_FAILSAFE_PLAN"
"""Global, and for each trunk its own: what a call gets while the service is away."""
ORIGIN: Final = "CR_ORIGIN"
TRUNK: Final = "CR_TRUNK"
EARLY_MEDIA: Final = "CR_EARLY_MEDIA"
TRUSTED: Final = "CR_TRUSTED"
"""``yes`` where the other side of a trunk is believed what it says of its caller: who and where he is."""
CHANNELS: Final = "CR_CHANNELS"
"""Calls that a channel's trunk carries at once, both ways."""
GROUPS: Final = "CR_GROUPS"
"""Of an operator's telephone: the keys of the ring groups that name him, joined by ``&``."""
AREA: Final = "CR_AREA"
"""The area that a trunk's calls come from; unset where it serves more than one."""

MENU_SWITCH: Final = "CR_MENU_SWITCH"
MENU_TEXT: Final = "CR_MENU_"
"""+ the digits that lead to a menu (none to the main one) + ``_`` + language: its clips, joined by ``&``."""
NEXT_LANGUAGE: Final = "CR_NEXT_LANG_"
"""+ language: the one that the switch digit leads to."""
WHERE: Final = "CR_WHERE"
"""Where the call is from, and how that is known: ``menu/35.07.13``."""
WHERE_OF: Final = "CR_WHERE_"
"""+ digits: the area that they also choose."""
TRANSFER_TO: Final = "CR_TO_"
"""Global, + the digits of a choice, an operator's key or a neighbouring trunk's: how an operator's telephone may
transfer a caller there."""
ROOM: Final = "CR_ROOM_"
"""Global, + a trunk's key: the calls it carries at once."""
EVERYBODY: Final = "CR_ALL_"
"""Global, + a ring group, ``_`` and 1, 2, …: the operators that it names, and ``-`` behind the last."""
RECORD: Final = "CR_RECORD_"
"""Global, + ``agency`` or ``operator``: whether talks with them are recorded; + ``NOT``: in which categories they are
not (keys joined by commas); + ``SAY``: whether callers are told."""
TRANSFER_CONTEXT: Final = "TRANSFER_CONTEXT"
"""The PBX's own name for where a channel may be transferred."""
POSTURE: Final = "CR_POSTURE"
"""How threatened the centre is, by which the plans were decided; empty: green."""
BANNER: Final = "CR_BANNER"
"""A clip that the caller hears before the menu, or before his plan where he is not asked; empty: none."""
AWAY: Final = "CR_AWAY"
"""The agencies and groups that could not be offered the call, of those that the table asks for, joined by ``+``."""

CONTEXTS: Final = (
    "callrouter-from-carrier",
    "callrouter-from-agency",
    "callrouter-from-neighbour",
    "callrouter-from-operator",
    "callrouter-once",
    "callrouter-112",
    "callrouter-next",
    "callrouter-failsafe",
    "callrouter-menu",
    "callrouter-banner",
    "callrouter-plan",
    "callrouter-step",
    "callrouter-unsure",
    "callrouter-everybody",
    "callrouter-queue-exit",
    "callrouter-attempt",
    "callrouter-callee",
    "callrouter-media",
    "callrouter-leg",
    "callrouter-confirm",
    "callrouter-ask",
    "callrouter-member",
    "callrouter-human",
    "callrouter-record",
    "callrouter-pass",
    "callrouter-passed",
    "callrouter-transfer",
    "callrouter-no-transfer",
    "callrouter-transfer-to",
    "callrouter-transfer-many",
    "callrouter-transferred",
    "callrouter-consult",
    "callrouter-party",
    "callrouter-party-human",
    "callrouter-party-kept",
    "callrouter-callback",
    "callrouter-callback-leg",
    "callrouter-callback-human",
    "callrouter-hops",
    "callrouter-duty",
    "callrouter-notice",
    "callrouter-notice-told",
    "callrouter-stage",
    "callrouter-hangup",
    "callrouter-doctor",
    "callrouter-probe",
    "callrouter-probe-begin",
    "callrouter-probe-tell",
    "callrouter-probe-step",
    "callrouter-sentinel",
)

STEPS: Final = "callrouter-step"
"""The context of a plan's steps."""
DIAL: Final = "dial"
"""What the extension of the step that rings an agency begins with; behind it stands what the caller chose."""

EVENT_STAGE: Final = "CRStage"
EVENT_CHOICE: Final = "CRChoice"
EVENT_HUMAN: Final = "CRHuman"
EVENT_FAILSAFE: Final = "CRFailsafe"
EVENT_DOORBELL: Final = "CRDoorbell"
EVENT_DUTY: Final = "CRDuty"
EVENT_PARTY: Final = "CRParty"
"""An agency that was added to a talk rings, talks, or is gone."""
EVENT_CALLBACK: Final = "CRCallback"
"""What became of a try to call a caller back stands in the journal."""
EVENT_PROBE: Final = "CRProbe"
EVENT_NOTICE: Final = "CRNotice"
"""What became of a notice by telephone stands in the journal."""
EVENT_RECORD: Final = "CRRecord"
"""A talk is to be recorded by the service, on the caller's channel."""
RECORDED_AS: Final = "CR_MIX"
"""On the caller's channel: the recording that the service began there."""

TRUNK_PREFIX: Final = "trunk-"

MODULES: Final = (
    # what everything stands on
    "res_timing_timerfd",
    "res_crypto",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "pbx_config",
    "pbx_loopback",
    # media
    "bridge_simple",
    "bridge_native_rtp",
    "bridge_softmix",
    "bridge_holding",
    "bridge_builtin_features",
    "codec_alaw",
    "codec_ulaw",
    "codec_gsm",
    "codec_resample",
    "format_wav",
    "format_pcm",
    "format_sln",
    "res_musiconhold",
    "res_rtp_asterisk",
    # SIP
    "res_pjproject",
    "res_geolocation",
    "res_statsd",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_outbound_registration",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "res_pjsip_caller_id",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
    "res_pjsip_refer",
    "chan_pjsip",
    "res_hep",
    "res_hep_pjsip",
    "res_security_log",
    # applications
    "res_speech",
    "res_agi",
    "app_dial",
    "app_queue",
    "app_read",
    "app_playback",
    "app_record",
    "app_mixmonitor",
    "app_senddtmf",
    "app_stack",
    "app_exec",
    "app_userevent",
    "app_verbose",
    "app_waitforsilence",
    "app_bridgeaddchan",
    "app_channelredirect",
    "app_confbridge",
    "app_controlplayback",
    # functions
    "func_base64",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_devstate",
    "func_dialplan",
    "func_env",
    "func_global",
    "func_groupcount",
    "func_hangupcause",
    "func_lock",
    "func_logic",
    "func_sha1",
    "func_strings",
    "func_timeout",
    "func_uuid",
)
"""What the PBX loads. The dialplan's applications and functions all live in these."""
