"""Whose things somebody may see and touch: one's own, and everybody's for who keeps the users."""

from __future__ import annotations

from strikewire.auth.api_keys import is_keeper
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import Scope
from strikewire.core.accounts import Reach
from strikewire.core.errors import InvalidInputError, NotPermittedError
from strikewire.core.users import UserId


def find_reach(principal: Principal) -> Reach:
    """Return whose accounts somebody may touch."""
    return Reach(principal.user_id, principal.account_ids, is_everybody=is_keeper(principal))


def find_listed_reach(principal: Principal, user_id: UserId | None) -> Reach:
    """Return whose accounts are listed: one's own, or another user's.

    Raises
    ------
    NotPermittedError : another's are asked for by somebody who does not keep the users.
    """
    if user_id is None or user_id == principal.user_id:
        return Reach(principal.user_id, principal.account_ids)
    _require_keeper(principal)
    return Reach(user_id)


def find_halted_reach(principal: Principal, user_id: UserId | None, *, is_everybody: bool) -> Reach:
    """Return whose accounts are halted together: one's own, another user's, or all there are.

    Raises
    ------
    NotPermittedError : others' are asked for by somebody who does not keep the users.
    InvalidInputError : everybody's, and one user's.
    """
    if not is_everybody:
        return find_listed_reach(principal, user_id)
    if user_id is not None:
        msg = "either a user_id or everybody was wanted, found both"
        raise InvalidInputError(msg)
    _require_keeper(principal)
    return Reach(is_everybody=True)


def find_owner(principal: Principal, user_id: UserId | None) -> UserId:
    """Return whose something new is: one's own, or another user's.

    Raises
    ------
    NotPermittedError : it is to be another's, and whoever asks does not keep the users.
    InvalidInputError : whoever asks is no user, and does not say whose it is to be.
    """
    if user_id is None:
        user_id = principal.user_id
    elif user_id != principal.user_id:
        _require_keeper(principal)
    if user_id is None:
        msg = "the user_id of its owner was wanted: whoever asks is no user"
        raise InvalidInputError(msg)
    return user_id


def _require_keeper(principal: Principal) -> None:
    if not is_keeper(principal):
        msg = f"the scope {Scope.USERS_WRITE} is needed for what is somebody else's"
        raise NotPermittedError(msg, scope=Scope.USERS_WRITE.value)
