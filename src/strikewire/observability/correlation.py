"""The correlation id: one name for everything that one request, or one task, caused."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Final

#: The id of whatever is being done now; None outside a request. A context variable, so that
#: it follows an await and never leaks into a neighbour's task.
correlation_id: Final[ContextVar[str | None]] = ContextVar("correlation_id", default=None)

# What a caller may send: enough for UUIDs, ULIDs and W3C trace ids, and nothing that could break a
# log line or a header.
_ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}")


def accept_correlation_id(offered: str | None) -> str:
    """Return the caller's id where it is fit to be passed on, else a new one."""
    if offered is not None and _ACCEPTED.fullmatch(offered):
        return offered
    return uuid.uuid4().hex
