"""The catalogue of close codes: why a socket was closed by us. A new one gets its line here first.

Below 4000 they are RFC 6455's own; 4000 and above are ours, and stay what they are.
"""

from __future__ import annotations

from enum import IntEnum


class CloseCode(IntEnum):
    """Why, for programs; the close reason says it for people."""

    #: A binary message where JSON text was agreed on, or text where MessagePack was.
    WRONG_ENCODING = 1003
    #: A message longer than is allowed.
    TOO_LONG = 1009
    #: A bug of ours.
    INTERNAL = 1011
    #: The program ends; come back, to a new epoch.
    SHUTDOWN = 1012
    #: What is needed to know who the client is, is away.
    TRY_LATER = 1013
    #: A message that is no object.
    MALFORMED = 4400
    #: Who the client is was not said in time, was not true, or is not true any more.
    NOT_AUTHENTICATED = 4401
    #: The client is somebody without the scope, or has lost it.
    NOT_PERMITTED = 4403
    #: More waited than is kept for one client. Come back with the last epoch and seq.
    SLOW_CLIENT = 4408
    #: More requests than one client may send, or more sockets than one user may have. Come back,
    #: and ask less.
    TOO_OFTEN = 4429

    @property
    def is_worth_returning(self) -> bool:
        """Whether a client that comes back may fare better; otherwise it has to be mended first."""
        return self in _RETURNING

    @property
    def reason(self) -> str:
        """The reason sent with the code."""
        return _REASONS[self]


_REASONS = {
    CloseCode.WRONG_ENCODING: "another encoding was agreed on",
    CloseCode.TOO_LONG: "the message is too long",
    CloseCode.INTERNAL: "something went wrong on our side",
    CloseCode.SHUTDOWN: "the server is stopping",
    CloseCode.TRY_LATER: "the server cannot tell now who you are",
    CloseCode.NOT_AUTHENTICATED: "a credential that is good was wanted",
    CloseCode.NOT_PERMITTED: "a scope that you have was wanted",
    CloseCode.MALFORMED: "an object was wanted",
    CloseCode.SLOW_CLIENT: "messages were not read in time",
    CloseCode.TOO_OFTEN: "fewer requests, or fewer sockets, were wanted",
}

_RETURNING = frozenset(
    {
        CloseCode.INTERNAL,
        CloseCode.SHUTDOWN,
        CloseCode.TRY_LATER,
        CloseCode.SLOW_CLIENT,
        CloseCode.TOO_OFTEN,
    }
)
