"""What can be wrong with calling back, with banners and with the posture."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual

CALLBACK_NOT_LISTED = Kind(
    "callback_not_listed",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak di daftar telepon balik", "Not on the list"),
    Bilingual(
        "Penelepon laporan ini tidak (lagi) di daftar telepon balik: ia sudah terhubung, atau sudah dicoret.",
        "The caller of this incident is not, or no longer, on the list: he was reached, or taken off it.",
    ),
    Bilingual("Lihat daftarnya: /api/v1/callbacks.", "See the list: /api/v1/callbacks."),
)
CALLBACK_NO_NUMBER = Kind(
    "callback_no_number",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak ada nomor", "No number"),
    Bilingual(
        "Penelepon ini tidak dapat ditelepon balik: pihaknya tidak memberi nomor yang dapat dihubungi.",
        "This caller cannot be called back: his side gave no number that can be rung.",
    ),
    Bilingual(
        "Dengarkan pesannya bila ada, lalu coret dari daftar dengan alasan.",
        "Listen to his message where he left one, then take him off the list with a reason.",
    ),
)
CALLBACK_HELD = Kind(
    "callback_held",
    HTTPStatus.CONFLICT,
    Bilingual("Sedang ditelepon balik", "Being called back"),
    Bilingual(
        "{operator} sedang menelepon penelepon ini, paling lama sampai {until}.",
        "{operator} is calling this caller back, until {until} at the latest.",
    ),
    Bilingual("Pilih penelepon lain, atau tunggu.", "Take another caller, or wait."),
)
CALLBACK_NO_LINE = Kind(
    "callback_no_line",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak ada saluran", "No line"),
    Bilingual(
        "Tidak ada trunk operator seluler/telepon (carrier) yang dapat dipakai untuk menelepon keluar.",
        "There is no carrier's trunk that a call can go out by.",
    ),
    Bilingual("Aktifkan sebuah trunk dengan kind carrier.", "Enable a trunk of the kind carrier."),
)
PBX_UNAVAILABLE = Kind(
    "pbx_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    Bilingual("PBX tidak menjawab", "The PBX does not answer"),
    Bilingual("PBX tidak menerima panggilan ini: {said}.", "The PBX did not take this call: {said}."),
    Bilingual("Coba lagi sebentar; lihat /readyz.", "Try again shortly; see /readyz."),
    retry_after_s=5,
)
OPERATOR_NEEDED = Kind(
    "operator_needed",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Bilingual("Operator mana?", "Which operator?"),
    Bilingual(
        "Token ini bukan milik seorang operator: telepon siapa yang harus berdering?",
        "This token is no operator's: whose telephone is to ring?",
    ),
    Bilingual("Sebut kunci operator di `operator`.", "Name the operator's key in `operator`."),
)
BANNER_UNKNOWN = Kind(
    "banner_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Pengumuman tidak ada", "No such banner"),
    Bilingual("Tidak ada pengumuman dengan id ini.", "There is no banner of this id."),
    Bilingual("Lihat /api/v1/banners.", "See /api/v1/banners."),
)
TOO_MANY_BANNERS = Kind(
    "too_many_banners",
    HTTPStatus.CONFLICT,
    Bilingual("Terlalu banyak pengumuman", "Too many banners"),
    Bilingual("Sudah ada {count} pengumuman yang berlaku.", "There are {count} banners already."),
    Bilingual("Akhiri salah satunya.", "End one of them."),
)

CATALOGUE: tuple[Kind, ...] = (
    CALLBACK_NOT_LISTED,
    CALLBACK_NO_NUMBER,
    CALLBACK_HELD,
    CALLBACK_NO_LINE,
    PBX_UNAVAILABLE,
    OPERATOR_NEEDED,
    BANNER_UNKNOWN,
    TOO_MANY_BANNERS,
)
