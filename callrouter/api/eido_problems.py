"""What can be wrong with what is asked about neighbouring centres."""

from __future__ import annotations

from http import HTTPStatus

from callrouter.api.kinds import Kind
from callrouter.bilingual import Bilingual

NO_NEIGHBOUR = Kind(
    "no_neighbour",
    HTTPStatus.FORBIDDEN,
    Bilingual("Bukan pusat tetangga", "No neighbouring centre"),
    Bilingual(
        "Token ini untuk instansi {name}, yang tidak dihubungi lewat trunk jenis neighbour.",
        "This token is for the agency {name}, which is not rung on a trunk of kind neighbour.",
    ),
    Bilingual(
        "Minta admin memberi instansi itu sebuah kontak pada trunk pusat tetangga.",
        "Ask an admin to give that agency a contact on the neighbouring centre's trunk.",
    ),
)
NOTHING_TO_SEND = Kind(
    "nothing_to_send",
    HTTPStatus.CONFLICT,
    Bilingual("Tidak ada yang dapat diserahkan", "Nothing can be handed over"),
    Bilingual(
        "Pusat {name} tidak punya webhook dalam direktori, dan tidak ada penelepon yang sedang berbicara.",
        "The centre {name} has no webhook in the directory, and nobody talks with a caller now.",
    ),
    Bilingual("Telepon pusat itu; atau daftarkan webhook-nya.", "Ring that centre; or enter its webhook."),
)

CATALOGUE: tuple[Kind, ...] = (NO_NEIGHBOUR, NOTHING_TO_SEND)
