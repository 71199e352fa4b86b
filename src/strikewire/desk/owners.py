"""Whose accounts and strategies somebody may see and touch."""

from __future__ import annotations

from strikewire.auth.owners import find_limit, is_keeper, require_keeper
from strikewire.auth.principal import Principal
from strikewire.core.accounts import Reach
from strikewire.core.errors import InvalidInputError, NotFoundError
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
    require_keeper(principal)
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
    require_keeper(principal)
    return Reach(is_everybody=True)


def find_strategy_limit(principal: Principal, strategy_id: int) -> UserId | None:
    """Return whose strategies somebody may touch; None: anybody's.

    Raises
    ------
    NotFoundError : nobody's.
    """
    msg = f"there is no strategy {strategy_id}"
    return find_limit(principal, NotFoundError(msg, strategy_id=strategy_id))
