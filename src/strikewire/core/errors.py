"""Every error that crosses a module border, in one tree.

::

    StrikewireError
    ├── InvalidInputError             a caller asked for something that cannot be
    │   ├── MalformedRequestError     the body is not even JSON, a header is not what it claims
    │   │   └── UntrustedHostError    the request is for a host that is not this server
    │   ├── HeadTooLargeError         more headers, or longer ones, than are read
    │   ├── UnsupportedMediaError     no representation the caller accepts
    │   ├── IdempotencyKeyReusedError the key was used before, with another body
    │   ├── OrderRefusedError         a pre-trade check does not let it through
    │   ├── AheadOfMarketError        an instant the market clock has not come to yet
    │   └── SettingsError             a setting is missing or wrong; names the variable
    ├── NotFoundError                 the thing named is not there (or not the caller's to see)
    │   ├── UnknownSymbolError        no instrument goes by that symbol, name or alias
    │   ├── UnknownUnderlyingError    there are no options or futures on anything of that name
    │   ├── UnknownExpiryError        none of its contracts end on that day
    │   ├── NothingRecordedError      it is known, and nothing of it is recorded at that time
    │   └── NoPriceError              a contract is known, and what it is worth then is not
    ├── ConflictError                 true of the request, but not with what is already there
    │   ├── IdempotencyKeyBusyError   the first request with the key is still under way
    │   ├── AccountHaltedError        the kill switch of a trading account stands
    │   ├── AccountClosedError        nothing is done with a trading account any more
    │   ├── LiveTradingOffError       real money, and this program or account may not
    │   └── DataDirectoryBusyError    another program owns the data directory
    ├── NotAuthenticatedError         nobody is asking
    │   └── CredentialRefusedError    somebody, with a credential that is no good
    ├── NotPermittedError             somebody is, without the scope
    │   └── CsrfError                 a browser sent its cookie, and not our page made it do so
    ├── RateLimitedError              too often; `retry_after_s` says when
    ├── DependencyError               something we need is away; `retry_after_s` says when to ask
    │   ├── DatabaseUnavailableError  no connection, or it broke
    │   ├── PoolExhaustedError        every connection was in use for the whole acquire timeout
    │   ├── DatabaseBusyError         a lock or the statement timeout stopped the query
    │   └── UserServiceUnavailableError  the external user service does not tell its keys
    ├── BrokerError                   the broker refused what was asked of it
    │   ├── BrokerTokenError          no access token, or a dead one: somebody has to log in
    │   ├── BrokerPermissionError     the account has not subscribed to that part of its API
    │   ├── BrokerUserError           something is the matter with the account
    │   ├── BrokerInputError          what it was asked is wrong
    │   ├── BrokerOrderError          an order, its margin or its holding is refused
    │   ├── BrokerAnswerError         its answer is too long, or not what was asked for
    │   └── BrokerUnavailableError    it may go better later; `retry_after_s` says when
    │       ├── BrokerNetworkError    no answer in time, from it or from the exchange behind it
    │       ├── BrokerDataError       its own order system answers it with nonsense
    │       ├── BrokerGeneralError    it does not say what went wrong
    │       └── BrokerRateLimitError  it was asked too often
    ├── RelayError                    what another program says of a topic cannot be read
    ├── FileLayoutError               a file is in no layout we know
    ├── JournalError                  a journal is not ours, or not readable at all
    ├── EngineStateError              a checkpoint was written by another version of the engine
    ├── SealedValueError              a stored secret cannot be opened: no key, or it was changed
    ├── MigrationError                the schema cannot be brought to the wanted revision
    └── EmbeddedServerError           the embedded PostgreSQL did not start or stop

Each class has a stable `code`, which is what programs compare; the message is for people. Only
`api/errors.py` maps codes to HTTP statuses. Libraries' exceptions are translated where they enter.
"""

from __future__ import annotations

from typing import Any, ClassVar


class StrikewireError(Exception):
    """Something went wrong that Strikewire knows about.

    Parameters
    ----------
    message : what was wanted and what was found, for a person.
    details : the same for a program; JSON-serialisable, never a secret.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInputError(StrikewireError):
    code = "validation_failed"


class MalformedRequestError(InvalidInputError):
    code = "malformed_request"


class UntrustedHostError(MalformedRequestError):
    code = "untrusted_host"


class HeadTooLargeError(InvalidInputError):
    code = "head_too_large"


class UnsupportedMediaError(InvalidInputError):
    code = "not_acceptable"


class IdempotencyKeyReusedError(InvalidInputError):
    code = "idempotency_key_reused"


class OrderRefusedError(InvalidInputError):
    code = "order_refused"


class AheadOfMarketError(InvalidInputError):
    code = "ahead_of_market"


class SettingsError(InvalidInputError):
    code = "settings_invalid"


class NotFoundError(StrikewireError):
    code = "not_found"


class UnknownSymbolError(NotFoundError):
    code = "unknown_symbol"


class UnknownUnderlyingError(NotFoundError):
    code = "unknown_underlying"


class UnknownExpiryError(NotFoundError):
    code = "unknown_expiry"


class NothingRecordedError(NotFoundError):
    code = "nothing_recorded"


class NoPriceError(NotFoundError):
    code = "no_price"


class ConflictError(StrikewireError):
    code = "conflict"


class IdempotencyKeyBusyError(ConflictError):
    code = "idempotency_key_busy"


class AccountHaltedError(ConflictError):
    code = "account_halted"


class AccountClosedError(ConflictError):
    code = "account_closed"


class LiveTradingOffError(ConflictError):
    code = "live_trading_off"


class DataDirectoryBusyError(ConflictError):
    code = "data_directory_busy"


class NotAuthenticatedError(StrikewireError):
    code = "not_authenticated"


class CredentialRefusedError(NotAuthenticatedError):
    """A credential is no good. Whoever brought it is not told why, nor whether it ever was.

    Parameters
    ----------
    reason : for our log and metrics.
    message : what was wanted, where that is no secret.
    """

    def __init__(
        self,
        reason: str,
        message: str = "a credential that is good was wanted, and the one that came is not",
    ) -> None:
        super().__init__(message)
        self.reason = reason


class NotPermittedError(StrikewireError):
    code = "not_permitted"


class CsrfError(NotPermittedError):
    code = "csrf_rejected"


class RateLimitedError(StrikewireError):
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: float, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class DependencyError(StrikewireError):
    code = "dependency_unavailable"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class DatabaseUnavailableError(DependencyError):
    code = "database_unavailable"


class PoolExhaustedError(DependencyError):
    code = "pool_exhausted"


class DatabaseBusyError(DependencyError):
    code = "database_busy"


class RelayError(StrikewireError):
    code = "relay_error"


class UserServiceUnavailableError(DependencyError):
    code = "user_service_unavailable"


class BrokerError(StrikewireError):
    code = "broker_refused"


class BrokerTokenError(BrokerError):
    code = "broker_token_refused"


class BrokerPermissionError(BrokerError):
    code = "broker_not_permitted"


class BrokerUserError(BrokerError):
    code = "broker_user_refused"


class BrokerInputError(BrokerError):
    code = "broker_input_refused"


class BrokerOrderError(BrokerError):
    code = "broker_order_refused"


class BrokerAnswerError(BrokerError):
    code = "broker_answer_unusable"


class BrokerUnavailableError(BrokerError):
    code = "broker_unavailable"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, **details: Any) -> None:
        super().__init__(message, **details)
        self.retry_after_s = retry_after_s


class BrokerNetworkError(BrokerUnavailableError):
    code = "broker_unreachable"


class BrokerDataError(BrokerUnavailableError):
    code = "broker_data_failed"


class BrokerGeneralError(BrokerUnavailableError):
    code = "broker_failed"


class BrokerRateLimitError(BrokerUnavailableError):
    code = "broker_rate_limited"


class FileLayoutError(StrikewireError):
    code = "unknown_file_layout"


class JournalError(StrikewireError):
    code = "journal_unreadable"


class EngineStateError(StrikewireError):
    code = "engine_state_unreadable"


class SealedValueError(StrikewireError):
    code = "sealed_value_unreadable"


class MigrationError(StrikewireError):
    code = "migration_failed"


class EmbeddedServerError(StrikewireError):
    code = "embedded_server_failed"
