"""Who is signed in: by an access token in `Authorization`, or by a browser's session cookie.

A browser sends its cookie whoever made it ask. `SameSite=Strict` keeps other sites' requests from
carrying it; a sibling domain's, and a browser's that does not know the rule, are refused here: what
changes something needs the token that only a page of ours can read (`X-CSRF-Token`), and must not
say that it comes from elsewhere. Reading needs neither: no page of another origin sees an answer.
"""

from __future__ import annotations

import uuid
from typing import Final

from strikewire.auth.access_tokens import AccessTokens
from strikewire.auth.credentials import Caller, CredentialKind, Refusal
from strikewire.auth.directory import UserDirectory
from strikewire.auth.opaque import derive_csrf_token, hash_secret, is_same, read_cookie
from strikewire.auth.principal import Principal
from strikewire.auth.scopes import collect_scopes
from strikewire.core.errors import CredentialRefusedError, CsrfError
from strikewire.core.users import User
from strikewire.store.login_sessions import LoginSession

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class TokenIdentity:
    """Knows access tokens of ours.

    Parameters
    ----------
    directory : knows whether what a token says still holds.
    """

    def __init__(self, *, tokens: AccessTokens, directory: UserDirectory) -> None:
        self._tokens = tokens
        self._directory = directory

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return whose token it is; None for none, or one that does not say it is ours.

        Raises
        ------
        CredentialRefusedError : it is no good, or no good any more.
        DependencyError : the database does not answer.
        """
        token = caller.credentials.bearer
        if token is None or not self._tokens.is_ours(token):
            return None
        claims = await self._tokens.verify(token)
        user, login = await _get_signed_in(self._directory, claims.session_id)
        if user.id != claims.user_id or user.security_stamp != claims.security_stamp:
            raise CredentialRefusedError(Refusal.REVOKED)
        return _make_principal(user, login, CredentialKind.TOKEN)

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return who it is by now; None for somebody who showed something else.

        The token itself may have expired meanwhile: the login it was of counts.

        Raises
        ------
        CredentialRefusedError : the login has ended, or its owner is disabled.
        DependencyError : the database does not answer.
        """
        del caller
        return await _renew(self._directory, principal, CredentialKind.TOKEN)


class SessionIdentity:
    """Knows browsers' session cookies.

    Parameters
    ----------
    directory : knows the sessions.
    """

    def __init__(self, *, directory: UserDirectory) -> None:
        self._directory = directory

    async def find_principal(self, caller: Caller) -> Principal | None:
        """Return whose session it is; None for none, or one that is over.

        A cookie comes by itself: one that is over is not a claim that has to be refused, but the
        same as none. Beside another credential, which somebody sent on purpose, it is passed over.

        Raises
        ------
        CsrfError : the request would change something, and no page of ours has sent it.
        DependencyError : the database does not answer.
        """
        cookie = caller.credentials.cookie
        session_id = None if cookie is None else read_cookie(cookie)
        if cookie is None or session_id is None or not caller.credentials.is_empty:
            return None
        login = await self._directory.find_session(session_id)
        if (
            login is None
            or login.cookie_hash is None
            or not is_same(login.cookie_hash, hash_secret(cookie))
        ):
            return None
        user = await self._directory.find_active(login.user_id)
        if user is None:
            return None
        if caller.method not in _READING:
            _check_intent(caller, cookie)
        self._directory.note_use(login)
        return _make_principal(user, login, CredentialKind.SESSION)

    async def renew_principal(self, principal: Principal, caller: Caller) -> Principal | None:
        """Return who it is by now; None for somebody who showed something else.

        Raises
        ------
        CredentialRefusedError : the session has ended, or its owner is disabled.
        DependencyError : the database does not answer.
        """
        del caller
        return await _renew(self._directory, principal, CredentialKind.SESSION)


def _check_intent(caller: Caller, cookie: str) -> None:
    """Return if a page of ours has sent it.

    Raises
    ------
    CsrfError : it has not.
    """
    if caller.is_other_origin:
        msg = "a request from a page of this server was wanted, and this one is from another's"
        raise CsrfError(msg)
    token = caller.credentials.csrf_token
    if token is None or not is_same(token, derive_csrf_token(cookie)):
        msg = "the session's token was wanted in X-CSRF-Token; /api/v1/auth/me tells it"
        raise CsrfError(msg)


async def _renew(
    directory: UserDirectory, principal: Principal, kind: CredentialKind
) -> Principal | None:
    if principal.credential is not kind or principal.credential_id is None:
        return None
    user, login = await _get_signed_in(directory, uuid.UUID(principal.credential_id))
    return _make_principal(user, login, kind)


async def _get_signed_in(
    directory: UserDirectory, session_id: uuid.UUID
) -> tuple[User, LoginSession]:
    login = await directory.find_session(session_id)
    user = None if login is None else await directory.find_active(login.user_id)
    if login is None or user is None:
        raise CredentialRefusedError(Refusal.REVOKED)
    return user, login


def _make_principal(user: User, login: LoginSession, kind: CredentialKind) -> Principal:
    return Principal(
        subject=user.subject,
        credential=kind,
        roles=user.roles,
        scopes=collect_scopes(user.roles),
        user_id=user.id,
        credential_id=str(login.id),
    )
