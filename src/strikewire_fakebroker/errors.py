"""What the broker answers when it will not, as its documentation lists it.

Source: https://kite.trade/docs/connect/v3/exceptions/
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ErrorType(StrEnum):
    """The `error_type` of an envelope."""

    TOKEN = "TokenException"  # noqa: S105 (a name, no secret)
    USER = "UserException"
    INPUT = "InputException"
    ORDER = "OrderException"
    DATA = "DataException"
    NETWORK = "NetworkException"
    GENERAL = "GeneralException"


STATUSES: Final = {
    ErrorType.TOKEN: 403,
    ErrorType.USER: 403,
    ErrorType.INPUT: 400,
    ErrorType.ORDER: 500,
    ErrorType.DATA: 502,
    ErrorType.NETWORK: 503,
    ErrorType.GENERAL: 500,
}


class RefusalError(Exception):
    """A call is refused.

    Parameters
    ----------
    error_type : what the envelope says.
    message : for a person.
    status : where it is not the one of `error_type`: 404, 429.
    """

    def __init__(self, error_type: ErrorType, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.status = STATUSES[error_type] if status is None else status
