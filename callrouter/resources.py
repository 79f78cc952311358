"""Where the files that travel beside the code are: in the wheel, or in the checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Return the folder `name` (``asterisk-config``, ``migrations`` or ``examples``).

    A wheel carries them under ``callrouter/_data``; a checkout has them beside the package.
    Raises FileNotFoundError if neither is there, which means a broken installation.
    """
    for candidate in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"callrouter was installed without its folder {name!r}; install it again")
