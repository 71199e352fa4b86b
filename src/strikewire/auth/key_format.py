"""What an API key looks like: `swk_`, an id anybody may see, `_`, a secret, a checksum.

::

    swk_7hTq2LmX9cRd_Vb0...43 characters...Yx1qZ8e3
        └─ id ─────┘ └─ secret ─────────┘└checksum┘

The prefix lets a scanner find keys that were committed or pasted by mistake. The checksum is the
CRC-32 of all before it: it tells a key from what merely looks like one, and a mistyped key from a
revoked one, without asking the store. It protects against mistakes only, not against anybody.

Of the secret the store keeps the SHA-256 (`auth.opaque`). A slow hash with salt is for passwords,
which people choose and others can guess. Here are 256 random bits: nobody can try them out,
whatever a trial costs, and each request would pay for it.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "swk_"
_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 62**12 is 2**71: nobody draws the same twice.
_ID_LENGTH: Final = 12
#: 62**43 is 2**256.
_SECRET_LENGTH: Final = 43
#: 62**6 is more than 2**32.
_CHECKSUM_LENGTH: Final = 6
_KEY: Final = re.compile(
    rf"(swk_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}}))"
    rf"([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class ApiKeyText:
    """A key that is one by its form.

    Parameters
    ----------
    key_id : names the key; no secret.
    secret : shows that it is brought by whom it was given to.
    """

    key_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The whole key, as its owner is shown it, once."""
        body = f"{PREFIX}{self.key_id}_{self.secret}"
        return body + _compute_checksum(body)


def draw_key() -> ApiKeyText:
    """Draw a new key from the machine's source of secrets."""
    return ApiKeyText(key_id=_draw(_ID_LENGTH), secret=_draw(_SECRET_LENGTH))


def parse_key(text: str) -> ApiKeyText | None:
    """Read a key; None for what is none, a mistyped one included."""
    found = _KEY.fullmatch(text)
    if found is None or _compute_checksum(found[1]) != found[4]:
        return None
    return ApiKeyText(key_id=found[2], secret=found[3])


def _draw(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _compute_checksum(body: str) -> str:
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
