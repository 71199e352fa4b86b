"""Logging in: the request token of the broker's redirect against an access token."""

from __future__ import annotations

from strikewire.core.clock import Clock
from strikewire.core.errors import BrokerTokenError
from strikewire.feeds.kite.access_tokens import (
    AccessToken,
    make_login_url,
    make_session_form,
    parse_session,
)
from strikewire.feeds.kite.config import (
    MAX_SESSION_BYTES,
    CallKind,
    KiteKeys,
    KiteLoginConfig,
)
from strikewire.feeds.kite.transport import Call, KiteTransport, read_data

_SESSION = Call(CallKind.OTHER, "/session/token", MAX_SESSION_BYTES)


class KiteLogin:
    """The two halves of a login: where somebody goes, and what they come back with.

    Parameters
    ----------
    keys : the application's.
    """

    def __init__(
        self,
        *,
        config: KiteLoginConfig,
        keys: KiteKeys,
        transport: KiteTransport,
        clock: Clock,
    ) -> None:
        self._config = config
        self._keys = keys
        self._transport = transport
        self._clock = clock

    @property
    def api_key(self) -> str:
        """The application's name with the broker."""
        return self._keys.api_key

    def make_url(self, *, state: str | None = None) -> str:
        """Return the page where somebody logs in; it names the application.

        Parameters
        ----------
        state : comes back with the redirect.
        """
        return make_login_url(self._config.url, self._keys.api_key, state=state)

    async def exchange_token(self, request_token: str) -> AccessToken:
        """Exchange a request token, which is good once and for minutes.

        It is sent once. Where no answer comes, nobody knows whether the broker has used it up: the
        login has to be begun again.

        Raises
        ------
        InvalidInputError : it is no request token.
        BrokerTokenError : the broker does not take it.
        BrokerError : no answer, or one that is of no use.
        """
        form = make_session_form(request_token, self._keys)
        try:
            body = await self._transport.post(_SESSION, form, secret=self._keys.api_secret)
        except BrokerTokenError as error:
            msg = f"the broker refuses the request token, begin the login again: {error.message}"
            raise BrokerTokenError(msg, **error.details) from error
        return parse_session(
            read_data(body, _SESSION),
            api_key=self._keys.api_key,
            now_ns=self._clock.now_ns(),
            dies_at=self._config.dies_at,
        )
