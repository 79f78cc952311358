"""What can be wrong with a change: who asks, what was sent, what it is sent to."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.desk_models import InUseProblem, NotVerifiedProblem
from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual

# ------------------------------------------------------------------------------------------------ who asks
UNAUTHENTICATED = Kind(
    "unauthenticated",
    HTTPStatus.UNAUTHORIZED,
    Bilingual("Token tidak sah", "No valid token"),
    Bilingual(
        "Permintaan ini tidak membawa token yang sah: tidak ada, salah, kedaluwarsa atau dicabut.",
        "The request carries no valid token: there is none, or it is wrong, expired or revoked.",
    ),
    Bilingual(
        "Kirim `Authorization: Bearer <token>`. Admin membuat token dengan `callrouter tokens create`.",
        "Send `Authorization: Bearer <token>`. An admin makes tokens with `callrouter tokens create`.",
    ),
)
FORBIDDEN = Kind(
    "forbidden",
    HTTPStatus.FORBIDDEN,
    Bilingual("Tidak berhak", "Not allowed"),
    Bilingual(
        "Ini memerlukan hak {right}; peran {role} tidak memilikinya.",
        "This takes the right {right}; the role {role} does not have it.",
    ),
    Bilingual("Pakai token dengan peran yang berhak.", "Use a token of a role that has it."),
)
NOT_YOURS = Kind(
    "not_yours",
    HTTPStatus.FORBIDDEN,
    Bilingual("Bukan milik sendiri", "Not your own"),
    Bilingual("Peran {role} hanya boleh mengubah jaganya sendiri.", "The role {role} may change its own duty only."),
    Bilingual(
        "Sebut operator pemilik token ini, atau minta supervisor.",
        "Name the operator that this token is for, or ask a supervisor.",
    ),
)
THROTTLED = Kind(
    "throttled",
    HTTPStatus.TOO_MANY_REQUESTS,
    Bilingual("Terlalu banyak token salah", "Too many bad tokens"),
    Bilingual("Terlalu banyak token salah dari alamat ini.", "Too many bad tokens came from this address."),
    Bilingual(
        "Tunggu selama Retry-After (detik), lalu coba lagi.", "Wait for Retry-After (seconds), then try again."
    ),
    retry_after_s=30,
)

# ------------------------------------------------------------------------------------------------ what was sent
MEDIA_TYPE_UNSUPPORTED = Kind(
    "media_type_unsupported",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Bilingual("Jenis isi tidak diterima", "Unsupported media type"),
    Bilingual(
        "Isi di sini harus {expected}, dalam UTF-8, tanpa kompresi.",
        "The body here must be {expected}, in UTF-8 and not compressed.",
    ),
    Bilingual("Atur header Content-Type: {expected}.", "Set the header Content-Type: {expected}."),
)
BODY_MISSING = Kind(
    "body_missing",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Isi permintaan tidak ada", "Missing body"),
    Bilingual("Permintaan ini memerlukan isi JSON.", "This request needs a JSON body."),
    Bilingual("Kirim isinya; contohnya ada di /docs.", "Send it; /docs has an example."),
)
BODY_MALFORMED = Kind(
    "body_malformed",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Isi bukan JSON", "The body is not JSON"),
    Bilingual("Isi permintaan bukan JSON (RFC 8259): {why}.", "The body is not JSON (RFC 8259): {why}."),
    Bilingual("Perbaiki isinya di tempat itu.", "Correct it at that place."),
)
BODY_MEMBER_REPEATED = Kind(
    "body_member_repeated",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Isian berulang", "Repeated member"),
    Bilingual("Isian {name} diberikan lebih dari sekali.", "The member {name} is given more than once."),
    Bilingual("Sisakan salah satunya.", "Keep one of them."),
)
BODY_TOO_DEEP = Kind(
    "body_too_deep",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Isi terlalu dalam atau terlalu rinci", "The body is too deep or has too many parts"),
    Bilingual(
        "Isi permintaan memiliki lebih dari {levels} tingkat atau {parts} bagian.",
        "The body has more than {levels} levels or {parts} parts.",
    ),
    Bilingual("Kirim isi seperti pada contoh di /docs.", "Send it as the example in /docs has it."),
)
BODY_TOO_SLOW = Kind(
    "body_too_slow",
    HTTPStatus.REQUEST_TIMEOUT,
    Bilingual("Isi permintaan terlalu lambat", "The body came too slowly"),
    Bilingual("Isi permintaan belum lengkap pada waktunya.", "The body was not complete in time."),
    Bilingual("Kirim lagi.", "Send it again."),
)
BODY_INVALID = Kind(
    "body_invalid",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Bilingual("Isi permintaan salah", "The body is wrong"),
    Bilingual("Isi permintaan: {sentence}.", "In the body: {sentence}."),
    Bilingual("{remedy}", "{remedy}"),
)
KEY_MISMATCH = Kind(
    "key_mismatch",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Bilingual("Kunci berbeda", "The key differs"),
    Bilingual("Isi menyebut {sent}, alamat menyebut {path}.", "The body says {sent}, the path says {path}."),
    Bilingual(
        "Samakan keduanya. Kunci tidak dapat diubah: buat yang baru, lalu hapus yang lama.",
        "Make them the same. A key cannot be changed: add a new one, then delete the old.",
    ),
)
HEADER_INVALID = Kind(
    "header_invalid",
    HTTPStatus.BAD_REQUEST,
    Bilingual("Header salah", "Bad header"),
    Bilingual(
        "Header {name} bukan daftar ETag (RFC 9110 8.8.3).", "The header {name} is no list of ETags (RFC 9110 8.8.3)."
    ),
    Bilingual(
        'Kirim ETag dari jawaban sebelumnya, misalnya {name}: "7".',
        'Send the ETag of an answer before, for example {name}: "7".',
    ),
)

# ------------------------------------------------------------------------------------------------ what it meets
PRECONDITION_REQUIRED = Kind(
    "precondition_required",
    HTTPStatus.PRECONDITION_REQUIRED,
    Bilingual("If-Match wajib", "If-Match is required"),
    Bilingual(
        "Perubahan ini memerlukan If-Match, agar perubahan orang lain tidak tertimpa.",
        "This change needs If-Match, so that nobody else's change is lost.",
    ),
    Bilingual("Baca dulu, lalu kirim ETag-nya sebagai If-Match.", "Read it first, then send its ETag as If-Match."),
)
MOVED = Kind(
    "changed_meanwhile",
    HTTPStatus.PRECONDITION_FAILED,
    Bilingual("Sudah berubah", "Changed meanwhile"),
    Bilingual(
        "Ini sudah diubah orang lain sejak dibaca; ETag-nya sekarang {current}.",
        "Someone has changed it since it was read; its ETag is now {current}.",
    ),
    Bilingual("Baca lagi, lalu ulangi perubahan itu.", "Read it again, then repeat the change."),
)
ENTRY_UNKNOWN = Kind(
    "entry_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Tidak ditemukan", "No such entry"),
    Bilingual("{name} tidak ada.", "There is no {name}."),
    Bilingual("Periksa kuncinya, atau cari di daftar.", "Check its key, or look it up in the list."),
)
KEY_TAKEN = Kind(
    "key_taken",
    HTTPStatus.CONFLICT,
    Bilingual("Kunci sudah dipakai", "The key is taken"),
    Bilingual("{name} sudah ada.", "{name} is there already."),
    Bilingual(
        "Pilih kunci lain, atau ubah yang sudah ada dengan PUT.",
        "Choose another key, or change what is there with PUT.",
    ),
)
IN_USE = Kind(
    "in_use",
    HTTPStatus.CONFLICT,
    Bilingual("Masih dipakai", "Still in use"),
    Bilingual("Masih dipakai oleh {users}.", "It is still used by {users}."),
    Bilingual("Ubah dulu pemakainya yang disebut di uses.", "Change first what uses it, as listed in uses."),
    model=InUseProblem,
)
NOT_VERIFIED = Kind(
    "not_verified",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Bilingual("Draf tidak lolos pemeriksaan", "The draft is not verified"),
    Bilingual(
        "Pemeriksaan menemukan {count} kesalahan. Tidak ada yang diubah.",
        "verify found {count} errors. Nothing was changed.",
    ),
    Bilingual(
        "Perbaiki yang disebut di findings, lalu terbitkan lagi.", "Correct what findings lists, then publish again."
    ),
    model=NotVerifiedProblem,
)
NEEDS_APPROVAL = Kind(
    "needs_approval",
    HTTPStatus.CONFLICT,
    Bilingual("Perlu persetujuan", "Approval needed"),
    Bilingual(
        "Draf ini harus disetujui dulu oleh orang lain (aturan dua orang).",
        "Someone else must approve this draft first (the rule of two persons).",
    ),
    Bilingual(
        "Minta admin lain memanggil POST /api/v1/draft/approve.", "Let another admin call POST /api/v1/draft/approve."
    ),
)
PBX_REFUSED = Kind(
    "pbx_refused",
    HTTPStatus.BAD_GATEWAY,
    Bilingual("PBX menolak", "The PBX refused"),
    Bilingual(
        "PBX tidak menerimanya: {why}. Semua tetap seperti semula.",
        "The PBX did not take it: {why}. Everything is as before.",
    ),
    Bilingual(
        "Perbaiki penyebabnya, lalu coba lagi; lihat juga /readyz.",
        "Mend the cause, then try again; see /readyz too.",
    ),
)
IN_NO_GROUP = Kind(
    "in_no_group",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak ada dalam kelompok dering", "In no ring group"),
    Bilingual("Tidak ada kelompok dering yang menyebut {name}.", "No ring group names {name}."),
    Bilingual(
        "Masukkan dia ke sebuah kelompok dering atau regu, lalu terbitkan.",
        "Add him to a ring group or a shift, then publish.",
    ),
)
VERSION_UNKNOWN = Kind(
    "version_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Versi tidak ditemukan", "No such version"),
    Bilingual("Versi {name} tidak ada.", "There is no version {name}."),
    Bilingual("Lihat daftar di /api/v1/versions.", "See the list at /api/v1/versions."),
)
TOKEN_UNKNOWN = Kind(
    "token_unknown",
    HTTPStatus.NOT_FOUND,
    Bilingual("Token tidak ditemukan", "No such token"),
    Bilingual("Tidak ada token dengan id ini.", "There is no token of this id."),
    Bilingual("Lihat daftar di /api/v1/tokens.", "See the list at /api/v1/tokens."),
)

CATALOGUE: tuple[Kind, ...] = (
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_YOURS,
    THROTTLED,
    MEDIA_TYPE_UNSUPPORTED,
    BODY_MISSING,
    BODY_MALFORMED,
    BODY_MEMBER_REPEATED,
    BODY_TOO_DEEP,
    BODY_TOO_SLOW,
    BODY_INVALID,
    KEY_MISMATCH,
    HEADER_INVALID,
    PRECONDITION_REQUIRED,
    MOVED,
    ENTRY_UNKNOWN,
    KEY_TAKEN,
    IN_USE,
    NOT_VERIFIED,
    NEEDS_APPROVAL,
    PBX_REFUSED,
    IN_NO_GROUP,
    VERSION_UNKNOWN,
    TOKEN_UNKNOWN,
)
