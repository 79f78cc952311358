"""What to say of a table that tells too many kinds of call apart."""

from __future__ import annotations

from callrouter.bilingual import Bilingual, joined
from callrouter.routing.verify.report import MAX_VECTORS, TOO_COMPLEX, Finding
from callrouter.routing.verify.space import AREA, LANGUAGE, POSTURE, STATE, SUSPICION, TIME, TRUNK
from callrouter.routing.verify.vectors import Axes

_WORDS = {
    AREA: Bilingual("wilayah", "areas"),
    TRUNK: Bilingual("trunk", "trunks"),
    LANGUAGE: Bilingual("bahasa", "languages"),
    SUSPICION: Bilingual("rentang kecurigaan", "ranges of suspicion"),
    POSTURE: Bilingual("tingkat siaga", "postures"),
    TIME: Bilingual("keadaan waktu (jadwal, masa berlaku, regu)", "kinds of time (schedules, validity, shifts)"),
}


def too_complex(every: list[Axes], count: int) -> Finding:
    """Return the finding, with the conditions that multiply where there are most of them."""
    largest = max(every, key=lambda axes: axes.vectors)
    sizes = sorted(((size, kind) for kind, size in largest.sizes.items() if size > 1), reverse=True)
    said = joined(" x ", [_said(size, kind) for size, kind in sizes])
    which = Bilingual("panggilan tanpa kategori", "calls without a category")
    if largest.category is not None:
        which = Bilingual(f"kategori {largest.category}", f"category {largest.category}")
    return Finding(
        TOO_COMPLEX,
        error=True,
        pointer="/routing/routes",
        sentence=Bilingual(
            f"tabel ini membedakan {count:,} jenis panggilan; yang dapat diperiksa paling banyak {MAX_VECTORS:,}. "
            f"Terbanyak untuk {which.id}: {said.id}",
            f"the table tells {count:,} kinds of call apart; {MAX_VECTORS:,} at most can be looked through. "
            f"Most for {which.en}: {said.en}",
        ),
        remedy=Bilingual(
            "Beri rute-rute itu kategori, atau pakai lebih sedikit jenis syarat di rute untuk semua kategori.",
            "Give those routes a category, or use fewer kinds of conditions in routes for all categories.",
        ),
    )


def _said(size: int, kind: str) -> Bilingual:
    if kind.startswith(STATE):
        name = kind.removeprefix(STATE)
        return Bilingual(f"{size} keadaan {name}", f"{size} states of {name}")
    return Bilingual(f"{size} {_WORDS[kind].id}", f"{size} {_WORDS[kind].en}")
