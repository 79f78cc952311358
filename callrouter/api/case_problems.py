"""What can be wrong with what is done to an incident."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual

ILLEGAL = Kind(
    "illegal_act",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak dapat dilakukan sekarang", "Not possible now"),
    Bilingual(
        "Laporan berstatus {state}: {act} tidak dapat dilakukan. Yang dapat: {legal}.{goes_on}",
        "The incident is {state}: it takes no {act}. It takes: {legal}.{goes_on}",
    ),
    Bilingual("Lakukan salah satunya, atau baca laporannya lagi.", "Do one of these, or read the incident again."),
)
ILLEGAL_MOVE = Kind(
    "illegal_move",
    HTTPStatus.CONFLICT,
    Bilingual("Status instansi tidak dapat menjadi itu", "The agency's state cannot become that"),
    Bilingual(
        "Dari {state} tidak dapat menjadi {to}. Yang dapat: {legal}.",
        "From {state} it cannot become {to}. It can become: {legal}.",
    ),
    Bilingual("Kirim salah satunya, atau baca lagi.", "Send one of these, or read it again."),
)
INCIDENT_EXISTS = Kind(
    "incident_exists",
    HTTPStatus.CONFLICT,
    Bilingual("Laporan sudah ada", "The incident is there already"),
    Bilingual("Laporan dengan id ini sudah dibuka: nomor {number}.", "The incident of this id is open: {number}."),
    Bilingual("Pakai laporan itu; atau kirim id lain.", "Go on with that one; or send another id."),
)
NOT_WITH_AGENCY = Kind(
    "not_with_agency",
    HTTPStatus.NOT_FOUND,
    Bilingual("Bukan bagian instansi ini", "Not with this agency"),
    Bilingual("Laporan ini tidak ada pada instansi {name}.", "This incident is not with the agency {name}."),
    Bilingual("Teruskan dulu kepadanya, atau periksa kuncinya.", "Pass it there first, or check the key."),
)
ALREADY_PASSED = Kind(
    "already_passed",
    HTTPStatus.CONFLICT,
    Bilingual("Sudah diteruskan", "Passed already"),
    Bilingual("Instansi {name} sudah menerimanya: {state}.", "The agency {name} has it already: {state}."),
    Bilingual("Sebut instansi lain saja.", "Name the other agencies only."),
)
TOO_MANY_AGENCIES = Kind(
    "too_many_agencies",
    HTTPStatus.CONFLICT,
    Bilingual("Terlalu banyak instansi", "Too many agencies"),
    Bilingual(
        "Sebuah laporan dapat diteruskan kepada {count} instansi.", "An incident can be passed to {count} agencies."
    ),
    Bilingual("Buka laporan lain untuk yang lainnya.", "Open another incident for the others."),
)
DISPOSITION_MISSING = Kind(
    "disposition_missing",
    HTTPStatus.CONFLICT,
    Bilingual("Jenis laporan belum ditetapkan", "No disposition yet"),
    Bilingual(
        "Laporan tidak ditutup sebelum ditetapkan apa jenisnya.",
        "An incident is not closed before it is said what it was.",
    ),
    Bilingual(
        "Kirim disposition bersama penutupannya: emergency, information, misdirected, prank, ghost, test, abandoned.",
        "Send a disposition with it: emergency, information, misdirected, prank, ghost, test, abandoned.",
    ),
)
CANNOT_MERGE = Kind(
    "cannot_merge",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak dapat digabung ke sana", "It cannot be merged into that"),
    Bilingual(
        "Laporan tujuan berstatus {state}, atau laporan ini sendiri.{goes_on}",
        "The other incident is {state}, or it is this one itself.{goes_on}",
    ),
    Bilingual(
        "Gabungkan ke laporan yang masih terbuka, atau buka dulu laporan tujuan itu.",
        "Merge it into one that is open, or reopen the other first.",
    ),
)
TOO_MANY_SUB_CODES = Kind(
    "too_many_sub_codes",
    HTTPStatus.CONFLICT,
    Bilingual("Terlalu banyak subkode", "Too many sub-codes"),
    Bilingual("Sudah ada {count} subkode.", "There are {count} sub-codes already."),
    Bilingual("Pakai salah satu yang ada; namanya dapat diganti.", "Use one that is there; its name can be changed."),
)

CATALOGUE: tuple[Kind, ...] = (
    ILLEGAL,
    ILLEGAL_MOVE,
    INCIDENT_EXISTS,
    NOT_WITH_AGENCY,
    ALREADY_PASSED,
    TOO_MANY_AGENCIES,
    DISPOSITION_MISSING,
    CANNOT_MERGE,
    TOO_MANY_SUB_CODES,
)
