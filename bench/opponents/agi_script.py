"""The menu as an AGI script on pyst2, which the PBX starts for every call.

Arguments: the clips joined by ``&``, the digit, what to dial for it, for how long, how long to wait for a digit (s).
"""

import sys

from asterisk.agi import AGI, AGIException

DIGITS = "0123456789*#"


def menu(agi: AGI, clips: list[str], wait_s: int) -> str:
    """Play the clips, and return the digit that was pressed meanwhile or a while after; empty where none was."""
    for clip in clips:
        pressed = agi.stream_file(clip, DIGITS)
        if pressed:
            return str(pressed)
    return str(agi.wait_for_digit(wait_s * 1000))


def main() -> None:
    """Answer, ask, dial."""
    clips, digit, target, ring_s, wait_s = sys.argv[1:]
    agi = AGI()
    try:
        agi.answer()
        if menu(agi, clips.split("&"), int(wait_s)) == digit:
            agi.appexec("Dial", f"{target},{ring_s}")
        agi.hangup()
    except AGIException as error:
        agi.stderr.write(f"the call ended: {error}\n")


if __name__ == "__main__":
    main()
