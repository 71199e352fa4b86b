"""The settings of the API's manners: what may be asked, by whom, how often."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

from pydantic import field_validator
from pydantic_settings import BaseSettings

from strikewire.api.client_address import ForwardingHeader, Network
from strikewire.api.config import GateConfig, RateLimitConfig
from strikewire.api.hosts import derive_trusted_hosts
from strikewire.live.idempotency import IdempotencyConfig
from strikewire.resilience.token_buckets import BucketConfig
from strikewire.settings.sources import Seconds, setting

_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")


_DEFAULTS: Final = RateLimitConfig()
_RATES: Final = (
    "rate_limit_address",
    "rate_limit_user",
    "rate_limit_key",
    "rate_limit_failure",
    "rate_limit_login",
    "rate_limit_login_name",
)


def _write_rate(bucket: BucketConfig) -> str:
    return f"{bucket.capacity:g}/{bucket.refill_per_s:g}"


class MannersSettings(BaseSettings):
    """What belongs to the application's manners; a part of `Settings`."""

    trusted_hosts: str = setting(
        "",
        "The names this server goes by, with commas: names, addresses, networks of addresses. The "
        "machine itself is always one; by default what the server listens on is the other.",
    )
    trusted_proxies: str = setting(
        "",
        "Networks of proxies, with commas, whose word on where a request came from is believed.",
    )
    forwarding_header: ForwardingHeader = setting(
        "x-forwarded-for", "The header in which they say it: x-forwarded-for or forwarded."
    )
    cors_origins: str = setting(
        "", "Origins, with commas, whose pages may ask and read the answers; by default none."
    )
    hsts_max_age_s: int = setting(
        0,
        "How long a browser that came by https is told to come by nothing else, seconds; 0 does "
        "not tell it.",
        ge=0,
        le=63_072_000,
    )
    max_head_bytes: int = setting(
        32 * 1024, "The longest request line and headers, bytes.", ge=4_096, le=1024 * 1024
    )
    max_headers: int = setting(100, "The most headers of a request.", ge=20, le=1_000)
    head_timeout_s: Seconds = setting(
        20.0, "How long a client may take to send its request line and headers, seconds."
    )
    rate_limit: bool = setting(
        default=True, description="Whether there are limits on how much may be asked."
    )
    rate_limit_address: str = setting(
        _write_rate(_DEFAULTS.address),
        "Requests from one address: at once, and a second from then on. Likewise the others.",
    )
    rate_limit_user: str = setting(
        _write_rate(_DEFAULTS.user),
        "What one user does: a read costs 1, a change 5, a thousand rows 1.",
    )
    rate_limit_key: str = setting(
        _write_rate(_DEFAULTS.key), "What one API key does, by the same measure."
    )
    rate_limit_failure: str = setting(
        _write_rate(_DEFAULTS.failure),
        "Credentials from one address that were no good, before it is told 429, not 401.",
    )
    rate_limit_login: str = setting(
        _write_rate(_DEFAULTS.login), "Attempts to log in from one address."
    )
    rate_limit_login_name: str = setting(
        _write_rate(_DEFAULTS.login_name), "Attempts to log in under one name, from wherever."
    )
    idempotency_ttl_s: Seconds = setting(
        86_400.0, "How long a request with the same Idempotency-Key gets its first answer, seconds."
    )

    @field_validator("trusted_hosts")
    @classmethod
    def _check_hosts(cls, value: str) -> str:
        for entry in _split(value):
            if not _NAME.fullmatch(entry) and not _is_network(entry):
                msg = f"names, addresses or networks were wanted, was {entry!r}"
                raise ValueError(msg)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        for entry in _split(value):
            if not _is_network(entry):
                msg = f"networks such as 10.0.0.0/8 were wanted, was {entry!r}"
                raise ValueError(msg)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        for entry in _split(value):
            if not _is_origin(entry):
                msg = (
                    "origins as browsers write them were wanted, https://desk.example.com, without "
                    f"wildcard, path or default port, was {entry!r}"
                )
                raise ValueError(msg)
        return value

    @field_validator(*_RATES)
    @classmethod
    def _check_rate(cls, value: str) -> str:
        _parse_rate(value)
        return value

    def to_rates(self) -> RateLimitConfig:
        """Return how much may be asked."""
        return RateLimitConfig(
            is_on=self.rate_limit,
            address=_parse_rate(self.rate_limit_address),
            failure=_parse_rate(self.rate_limit_failure),
            login=_parse_rate(self.rate_limit_login),
            login_name=_parse_rate(self.rate_limit_login_name),
            user=_parse_rate(self.rate_limit_user),
            key=_parse_rate(self.rate_limit_key),
        )

    def to_gate(self, bind_host: str) -> GateConfig:
        """Return what is asked of every request.

        Parameters
        ----------
        bind_host : where the server listens.
        """
        hosts = _split(self.trusted_hosts)
        return GateConfig(
            trusted_hosts=hosts or derive_trusted_hosts(bind_host, socket.gethostname()),
            trusted_proxies=tuple(_parse_network(each) for each in _split(self.trusted_proxies)),
            forwarding_header=self.forwarding_header,
            cors_origins=_split(self.cors_origins),
            hsts_max_age_s=self.hsts_max_age_s,
            max_head_bytes=self.max_head_bytes,
            max_headers=self.max_headers,
            head_timeout_s=self.head_timeout_s,
        )

    def to_idempotency(self) -> IdempotencyConfig:
        """Return how long answers are kept."""
        return IdempotencyConfig(ttl_s=self.idempotency_ttl_s)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_network(text: str) -> Network:
    return ipaddress.ip_network(text)


def _parse_rate(text: str) -> BucketConfig:
    at_once, _, per_s = text.partition("/")
    try:
        rate = BucketConfig(float(at_once), float(per_s))
    except ValueError:
        rate = BucketConfig(0.0, 0.0)
    if not (5.0 <= rate.capacity <= 1e9 and 0.001 <= rate.refill_per_s <= 1e9):
        # Less than five at once, and a change could never be paid for.
        msg = f"how much at once (5 or more) / how much a second was wanted, was {text!r}"
        raise ValueError(msg)
    return rate


def _is_network(text: str) -> bool:
    try:
        _parse_network(text)
    except ValueError:
        return False
    return True


def _is_origin(text: str) -> bool:
    """Say whether a browser could send that as `Origin`: compared whole, it has to be exact."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname or ""
    written = f"[{host}]" if ":" in host else host
    exact = f"{parts.scheme}://{written}" + ("" if port is None else f":{port}")
    return (
        default is not None and port != default and bool(host) and text == exact and "*" not in host
    )
