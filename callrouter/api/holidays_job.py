"""Public holidays of Indonesia by the `holidays` library, as a program: `python -m callrouter.api.holidays_job 2026`.

A program of its own, for the library's import takes 0.3 s and 20 MB, which the service would never give back.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from holidays import country_holidays

_COUNTRY: Final = "ID"
_ESTIMATED: Final = {"id": " (perkiraan)", "en": " (estimated)"}
"""As the library marks what it has calculated."""
_LONGEST: Final = 120


def proposal(year: int) -> list[dict[str, Any]]:
    """Return the holidays of a year by date: date, name in both languages, whether it is estimated."""
    english = country_holidays(_COUNTRY, years=year, language="en_US")
    indonesian = country_holidays(_COUNTRY, years=year, language="id")
    return [
        {
            "date": day.isoformat(),
            "name": {
                "id": indonesian[day].replace(_ESTIMATED["id"], "")[:_LONGEST],
                "en": name.replace(_ESTIMATED["en"], "")[:_LONGEST],
            },
            "estimated": _ESTIMATED["en"] in name,
        }
        for day, name in sorted(english.items())
    ]


if __name__ == "__main__":
    json.dump(proposal(int(sys.argv[1])), sys.stdout)
