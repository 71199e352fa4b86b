"""Clients of programs that a test has started, on this machine and without TLS."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

# Nobody's certificates: a client reads all that the machine trusts, which takes 40 ms each time.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def open_client(url: str, **options: Any) -> httpx.AsyncClient:
    """Return a client of one program, patient as a busy machine needs it; `options` are httpx's."""
    return httpx.AsyncClient(base_url=url, verify=_NO_TLS, **{"timeout": 20.0, **options})


def open_sync_client(url: str, **options: Any) -> httpx.Client:
    """Return a client of one program for a test that is no coroutine."""
    return httpx.Client(base_url=url, verify=_NO_TLS, **{"timeout": 20.0, **options})
