"""What an e-mail address looks like: a plain one (RFC 5321, section 4.1.2), as settings and agencies may name it.

By itself, for the settings are read before routing is loaded.
"""

from __future__ import annotations

from typing import Final

EMAIL_PATTERN: Final = r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,4}$"
