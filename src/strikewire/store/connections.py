"""Single connections to PostgreSQL: what a URL means, and how the driver is asked for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import asyncpg

from strikewire.core.errors import SettingsError

_SCHEMES: Final = ("postgresql", "postgresql+asyncpg", "postgresql+psycopg")


def make_connector(
    url: str, *, timeout_s: float, server_settings: Mapping[str, str]
) -> Callable[[], Awaitable[asyncpg.Connection[Any]]]:
    """Return a function that opens a connection each time it is called.

    The driver and not SQLAlchemy takes the URL apart, because it knows what else may stand in one
    that comes from a hosting service: `sslmode`, several hosts, a socket's folder.

    Parameters
    ----------
    timeout_s : how long opening one may take.
    server_settings : of each connection, by PostgreSQL's names; they win over those in the URL.

    Raises
    ------
    SettingsError : now, if the URL is of something else; when called, if it cannot be read.
    """
    driver_url = normalise_url(url)

    async def connect() -> asyncpg.Connection[Any]:
        try:
            return await asyncpg.connect(
                driver_url, timeout=timeout_s, server_settings=dict(server_settings)
            )
        except ValueError as error:
            # The driver's words may hold a part of the URL, and with it of the password.
            msg = "DATABASE_URL cannot be read: postgresql://user@host:5432/name was wanted"
            raise SettingsError(msg) from error

    return connect


def normalise_url(url: str) -> str:
    """Return a database URL in the spelling that the driver reads: libpq's.

    Raises
    ------
    SettingsError : not a PostgreSQL URL.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        wanted = ", ".join(f"{each}://" for each in _SCHEMES)
        msg = f"DATABASE_URL must start with one of {wanted}"
        raise SettingsError(msg)
    return f"postgresql://{rest}"
