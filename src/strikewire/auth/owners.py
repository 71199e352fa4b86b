"""Whose things somebody may touch: one's own, and everybody's for who keeps the users."""

from __future__ import annotations

from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.errors import InvalidInputError, NotFoundError, NotPermittedError
from strikewire.core.users import UserId


def is_keeper(principal: Principal) -> bool:
    """Say whether somebody looks after everybody's things."""
    return Scope.USERS_WRITE in principal.scopes


def require_keeper(principal: Principal) -> None:
    """Return if somebody looks after everybody's things.

    Raises
    ------
    NotPermittedError : they do not.
    """
    if not is_keeper(principal):
        msg = f"the scope {Scope.USERS_WRITE} is needed for what is somebody else's"
        raise NotPermittedError(msg, scope=Scope.USERS_WRITE.value)


def find_owner(principal: Principal | None, user_id: UserId | None) -> UserId:
    """Return whose something new is: one's own, or another user's.

    Parameters
    ----------
    principal : None: the operator, at the command line.

    Raises
    ------
    NotPermittedError : it is to be another's, and whoever asks does not keep the users.
    InvalidInputError : whoever asks is no user, and does not say whose it is to be.
    """
    if principal is not None:
        if user_id is None:
            user_id = principal.user_id
        elif user_id != principal.user_id:
            require_keeper(principal)
    if user_id is None:
        msg = "the user_id of its owner was wanted: whoever asks is no user"
        raise InvalidInputError(msg)
    return user_id


def find_limit(principal: Principal, missing: NotFoundError) -> UserId | None:
    """Return whose things somebody may touch; None: anybody's.

    Parameters
    ----------
    missing : says that what they ask for is not there.

    Raises
    ------
    NotFoundError : `missing`: whoever asks is no user, so nothing is theirs.
    """
    if is_keeper(principal):
        return None
    if principal.user_id is None:
        raise missing
    return principal.user_id
