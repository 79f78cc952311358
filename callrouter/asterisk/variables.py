"""Every name that this code and the dialplan share. The dialplan is ``asterisk-config/extensions.conf``."""

from __future__ import annotations

from typing import Final

CALL: Final = "CR_CALL"
PLAN: Final = "CR_PLAN_"
"""+ digit or `OTHER`, and + ``_`` + language where that makes a difference: the plan of that choice."""
OTHER: Final = "other"
READY: Final = "CR_READY"
"""Set last, to ``yes``: without it the dialplan takes nothing of what was handed over, and runs its failsafe."""
CATEGORY: Final = "CR_CATEGORY"
LANGUAGE: Final = "CR_LANG"
STAGE: Final = "CR_STAGE"

MENU_SWITCH: Final = "CR_MENU_SWITCH"
MENU_TEXT: Final = "CR_MENU_"
"""+ language: the clips of the menu, joined by ``&``."""
NEXT_LANGUAGE: Final = "CR_NEXT_LANG_"
"""+ language: the one that the switch digit leads to."""

CONTEXTS: Final = (
    "callrouter-from-carrier",
    "callrouter-from-agency",
    "callrouter-from-neighbour",
    "callrouter-from-operator",
    "callrouter-112",
    "callrouter-next",
    "callrouter-menu",
    "callrouter-plan",
    "callrouter-step",
    "callrouter-queue-exit",
    "callrouter-attempt",
    "callrouter-callee",
    "callrouter-confirm",
    "callrouter-ask",
    "callrouter-member",
    "callrouter-human",
    "callrouter-stage",
    "callrouter-hangup",
    "callrouter-doctor",
    "callrouter-sentinel",
)

EVENT_STAGE: Final = "CRStage"
EVENT_CHOICE: Final = "CRChoice"
EVENT_HUMAN: Final = "CRHuman"
EVENT_FAILSAFE: Final = "CRFailsafe"
EVENT_DOORBELL: Final = "CRDoorbell"

TRUNK_PREFIX: Final = "trunk-"

MODULES: Final = (
    # what everything stands on
    "res_timing_timerfd",
    "res_crypto",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "pbx_config",
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
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_registrar",
    "res_pjsip_caller_id",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_dtmf_info",
    "res_pjsip_header_funcs",
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
    "app_stack",
    "app_exec",
    "app_userevent",
    "app_verbose",
    "app_bridgeaddchan",
    "app_confbridge",
    "app_mixmonitor",
    # functions
    "func_base64",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_dialplan",
    "func_env",
    "func_global",
    "func_hangupcause",
    "func_logic",
    "func_strings",
    "func_timeout",
    "func_uuid",
)
"""What the PBX loads. The dialplan's applications and functions all live in these."""
