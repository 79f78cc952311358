"""What a realistic year (bench.year) is made of: kinds of calls, agencies, places and their shares."""

from __future__ import annotations

from typing import Final

S: Final = 1_000_000
DAY_US: Final = 86_400 * S
BEGIN_US: Final = 1_735_664_400 * S
"""2025-01-01 00:00 in Jakarta (UTC+7)."""
DAYS: Final = 365

CATEGORIES: Final = {
    "medis": (30, ("psc119", "pmi", "rsud")),
    "kecelakaan": (24, ("polres", "psc119", "pmi")),
    "kebakaran": (16, ("damkar", "pln", "polres")),
    "keamanan": (12, ("polres", "satpol-pp")),
    "pohon-tumbang": (8, ("bpbd", "pu")),
    "banjir": (5, ("bpbd", "pmi")),
    "listrik": (4, ("pln",)),
    "hutan": (1, ("bpbd", "damkar")),
}
"""Share of the emergencies, and who helps: the first of them always, the others sometimes."""
AGENCIES: Final = tuple(dict.fromkeys(a for _, agencies in CATEGORIES.values() for a in agencies))
OPERATORS: Final = tuple(f"op{n}" for n in range(1, 13))
AREAS: Final = tuple(f"35.07.{n:02}" for n in range(1, 34))
HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 9, 9, 9, 10, 11, 12, 12, 11, 8, 5, 3)
"""Calls by hour of the day, local time."""
KINDS: Final = {
    "dropped": 58.0,
    "prank": 23.0,
    "ghost": 7.0,
    "information": 6.0,
    "misdirected": 3.0,
    "test": 0.5,
    "emergency": 2.5,
}
"""What calls are, in hundred."""
SLOW: Final = {"pu": 3.0, "pln": 2.0, "satpol-pp": 1.6}
"""How much slower than others an agency is: the figure that a mayor asks for."""
STREETS: Final = ("Merdeka", "Sudirman", "Panglima", "Diponegoro", "Kawi", "Semeru", "Bromo", "Melati", "Anggrek")
PLACES: Final = ("Pasar Besar", "Alun-alun", "SDN 2", "Balai Desa", "Masjid Agung", "Terminal", "RSUD", "Jembatan")
SEEN: Final = ("api besar", "korban sadar", "korban pingsan", "motor dan truk", "asap tebal", "jalan tertutup",
                "air naik", "warga panik", "butuh ambulans", "kabel putus", "pelaku lari", "atap roboh")  # fmt: skip
NAMES: Final = ("Siti", "Budi", "Agus", "Dewi", "Sri", "Joko", "Rina", "Slamet", "Wati", "Andi", "Nur", "Eko")
UNHEARD: Final = ("abandoned", "recorded", "no_message", "cut")
