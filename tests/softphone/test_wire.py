"""Texts on their way into and out of SIP headers."""

import pytest

from demo.softphone.model import Answer, Reject, RingOnly, behaviour_from_json, behaviour_to_json
from demo.softphone.wire import checked, quoted_name, read_from, split_uri


@pytest.mark.parametrize(
    "name", ["Sri", 'Ibu "Sri"', "Zoë Çelik", "back\\slash", "${SHELL(id)}&PJSIP/x;,", "x" * 1000, ""]
)
def test_a_display_name_survives_its_header(name: str) -> None:
    header = f"{quoted_name(name)}<sip:0812@127.0.0.1>;tag=1"
    assert read_from(header) == (name, "sip:0812@127.0.0.1")


@pytest.mark.parametrize("name", ["a\r\nb", "a\x00", "x" * 1001])
def test_a_display_name_that_baresip_cannot_send_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="SIPp"):
        quoted_name(name)


def test_a_from_without_a_name_or_without_brackets_is_read() -> None:
    assert read_from("<sip:112@x>;tag=1") == ("", "sip:112@x")
    assert read_from("Budi <sip:112@x>") == ("Budi", "sip:112@x")
    assert read_from("sip:112@x;tag=1") == ("", "sip:112@x")


def test_a_uri_is_split() -> None:
    assert split_uri("sip:112@127.0.0.1:5070;a=b") == ("112", "127.0.0.1", 5070, ";a=b")
    assert split_uri("sip:127.0.0.1") == ("", "127.0.0.1", 5060, "")
    for bad in ("112", "sip:a b@c", "sip:a@b>;x", "tel:112"):
        with pytest.raises(ValueError, match="not a sip"):
            split_uri(bad)


def test_what_would_end_its_place_in_a_uri_is_refused() -> None:
    assert checked("user", "081") == "081"
    with pytest.raises(ValueError, match="user"):
        checked("user", "a;regint=0")


@pytest.mark.parametrize("behaviour", [Answer(1.5, 2.0, ((0.1, "1"), (0.5, "2#"))), Reject(after_s=2), RingOnly()])
def test_a_behaviour_survives_its_way_to_the_child(behaviour: Answer | Reject | RingOnly) -> None:
    assert behaviour_from_json(behaviour_to_json(behaviour)) == behaviour


def test_only_486_can_be_refused_with() -> None:
    with pytest.raises(ValueError, match="SIPp"):
        Reject(status=503)  # type: ignore[arg-type]
