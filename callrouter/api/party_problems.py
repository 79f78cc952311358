"""What can be wrong with what is asked of a call that is up."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual
from callrouter.calls.parties import MAX_PARTIES

NOT_TALKING = Kind(
    "not_talking",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak ada percakapan", "No talk"),
    Bilingual("Tidak ada yang sedang berbicara dengan penelepon ini.", "Nobody talks with this caller now."),
    Bilingual("Lihat tahapnya di /api/v1/calls/live.", "See its stage at /api/v1/calls/live."),
)
NOT_YOUR_CALL = Kind(
    "not_your_call",
    HTTPStatus.FORBIDDEN,
    Bilingual("Bukan panggilan Anda", "Not your call"),
    Bilingual(
        "Ini dilakukan operator yang sedang berbicara dengan penelepon, atau pengawas.",
        "The operator who talks with the caller does this, or a supervisor.",
    ),
    Bilingual("Minta operator itu atau pengawas melakukannya.", "Ask that operator or a supervisor to do it."),
)
PARTY_UNKNOWN = Kind(
    "party_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Peserta tidak ada", "No such party"),
    Bilingual("Peserta ini tidak ada dalam percakapan itu (lagi).", "This party is not in that talk (any more)."),
    Bilingual("Lihat pesertanya dengan GET …/parties.", "See who is in it by GET …/parties."),
)
PARTY_THERE = Kind(
    "party_there",
    HTTPStatus.CONFLICT,
    Bilingual("Instansi sudah ikut", "The agency is there already"),
    Bilingual(
        "Instansi ini sudah ikut berbicara, atau sedang dihubungi.",
        "This agency is in the talk already, or is being rung.",
    ),
    Bilingual("Tunggu jawabannya, atau keluarkan dulu.", "Wait for its answer, or take it out first."),
)
TOO_MANY_PARTIES = Kind(
    "too_many_parties",
    HTTPStatus.CONFLICT,
    Bilingual("Terlalu banyak peserta", "Too many parties"),
    Bilingual(
        f"Paling banyak {MAX_PARTIES} instansi ikut dalam satu percakapan.",
        f"At most {MAX_PARTIES} agencies take part in one talk.",
    ),
    Bilingual("Keluarkan dulu salah satunya.", "Take one of them out first."),
)
STILL_OTHERS = Kind(
    "still_others",
    HTTPStatus.CONFLICT,
    Bilingual("Masih ada peserta lain", "There are other parties"),
    Bilingual(
        "Ada instansi lain dalam percakapan ini; mereka akan tertinggal.",
        "Agencies are in this talk, and would be left behind.",
    ),
    Bilingual(
        "Tutup telepon Anda saja: penelepon dan instansi tetap berbicara. Atau keluarkan dulu instansinya.",
        "Just hang up: caller and agency talk on. Or take the agencies out first.",
    ),
)
PBX_AWAY = Kind(
    "pbx_away",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("PBX tidak dapat disuruh", "The PBX cannot be told"),
    Bilingual("PBX tidak melakukannya: {said}.", "The PBX did not do it: {said}."),
    Bilingual(
        "Pakai telepon Anda: tombol transfer, atau *2. Percakapan berjalan terus.",
        "Use your telephone: its transfer key, or *2. The talk goes on.",
    ),
    retry_after_s=5,
)

CATALOGUE: tuple[Kind, ...] = (
    NOT_TALKING,
    NOT_YOUR_CALL,
    PARTY_UNKNOWN,
    PARTY_THERE,
    TOO_MANY_PARTIES,
    STILL_OTHERS,
    PBX_AWAY,
)
