"""Redaction: the one place that knows what a secret looks like, before anything is written down.

Three ways to know one: by the name it goes under (`password`, `X-API-Key`), by its own form (a
bearer token, an API key of ours, the password of a URL), and by being a value that the settings
hold. Logs, error bodies and the audit log all go through here. A name or a form too many costs a
word in a log line; one too few costs a secret, so both lists lean to the former.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

REDACTED: Final = "***"

_NAMES: Final = (
    r"passw(?:or)?d|passphrase|secret|token|authorization|api[_-]?key|master[_-]?key"
    r"|private[_-]?key|signing[_-]?key|cookie|credential|ticket|csrf|otp\b|dsn\b"
)
_SECRET_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
#: What such a name may end in, or begin with, when it tells only of a secret.
_INNOCENT_NAME: Final = re.compile(
    r"[_-](?:id|ids|count|kind|type|prefix|at|s|ns|file)$|^(?:has|is)[_-]", re.IGNORECASE
)
_WORD: Final = r"(?:\"[^\"]*\"|'[^']*'|[^\s&;,\"')\]}<>]+)"
# From the beginning of a word only, or a long one would be looked through from each of its letters.
_NAMED: Final = re.compile(
    rf"(?<![\w-])((?=[\w-]*?(?:{_NAMES}))[\w-]+)(=|[\"']\s*[:=]\s*)({_WORD})", re.IGNORECASE
)
_FORMS: Final = (
    # A header as it stands in a request or a dump: all of its line.
    (
        re.compile(
            r"(\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key)\s*:\s*)[^\r\n\"']+",
            re.IGNORECASE,
        ),
        r"\1" + REDACTED,
    ),
    # Up to the last @ before the path: passwords are seldom escaped as they should be.
    (re.compile(r"(://[^/\s:@]*):[^/\s]*@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    # A broker's: the application's key, and the access token behind a colon.
    (re.compile(r"\b(token\s+)[\w-]{6,}:[\w-]{6,}", re.IGNORECASE), r"\1" + REDACTED),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), REDACTED),
    # An API key of ours keeps its id, which is none of the secret: see auth.key_format.
    (re.compile(r"\b(swk_[0-9A-Za-z]{12})_[0-9A-Za-z]+"), rf"\1_{REDACTED}"),
    # Tickets, cookies, refresh tokens and links: see auth.opaque.
    (re.compile(r"\b(sw[lrst]_)[0-9A-Za-z_-]{32,}"), rf"\1{REDACTED}"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
        REDACTED,
    ),
)
#: No text without one of these holds anything of the above.
_SUSPICIOUS: Final = re.compile(r"://|[=:]|eyJ|sw[klrst]_|-----BEGIN|bearer |basic ", re.IGNORECASE)
# A shorter value would blank ordinary words.
_SHORTEST_KNOWN: Final = 6
_DEEPEST: Final = 20


@lru_cache(maxsize=1_024)
def is_secret_name(name: str) -> bool:
    """Say whether what goes under a name is a secret."""
    return bool(_SECRET_NAME.search(name)) and not _INNOCENT_NAME.search(name)


def _blank_named(found: re.Match[str]) -> str:
    name, sign, _ = found.groups()
    return f"{name}{sign}{REDACTED}" if is_secret_name(name) else found.group()


class Redactor:
    """Blanks secrets in texts and in structures of them.

    Parameters
    ----------
    known : values that are secrets whatever they look like: those of the settings.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({each for each in known if len(each) >= _SHORTEST_KNOWN}, key=len)
        # The longest first: one secret may hold another.
        pattern = "|".join(re.escape(each) for each in reversed(values))
        self._known = re.compile(pattern) if pattern else None

    def redact_text(self, text: str) -> str:
        """Return a text with its secrets blanked."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        if not _SUSPICIOUS.search(text):
            return text
        for pattern, replacement in _FORMS:
            text = pattern.sub(replacement, text)
        return _NAMED.sub(_blank_named, text)

    def redact_value(self, value: Any, name: str = "", *, depth: int = 0) -> Any:
        """Return a value of JSON's kinds with its secrets blanked; another kind as text.

        Parameters
        ----------
        name : what the value goes under; whether something is there (null, true) is no secret.
        """
        if value is None or isinstance(value, bool):
            return value
        if depth >= _DEEPEST or (name and is_secret_name(name)):
            return REDACTED
        if isinstance(value, Mapping):
            return {
                key: self.redact_value(each, str(key), depth=depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.redact_value(each, name, depth=depth + 1) for each in value]
        return self._redact_leaf(value)

    def _redact_leaf(self, value: Any) -> Any:
        if isinstance(value, int | float | date | UUID):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            # Text of it would be the bytes themselves.
            return f"<{len(value)} bytes>"
        return self.redact_text(str(value))
