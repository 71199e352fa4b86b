"""The settings of identity: passwords, logins, tokens, and where else users may be kept."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator
from pydantic_settings import BaseSettings

from strikewire.auth.access_tokens import AccessTokensConfig
from strikewire.auth.demo import is_loopback
from strikewire.auth.external_identity import ALGORITHMS, ExternalConfig
from strikewire.auth.key_sets import KeySetConfig
from strikewire.auth.logins import LoginsConfig
from strikewire.auth.passwords import PasswordConfig
from strikewire.auth.setup_links import SetupLinksConfig
from strikewire.auth.signing_keys import SigningKeysConfig
from strikewire.settings.sources import Seconds, setting

_DAY_S: Final = 86_400


class IdentitySettings(BaseSettings):
    """What belongs to identity; a part of `Settings`."""

    public_url: str | None = setting(
        None, "Where browsers find this server, as https://desk.example.com; behind https its "
        "cookie is sent over https alone.",
    )  # fmt: skip
    password_min_characters: int = setting(
        12, "The shortest password that may be chosen.", ge=8, le=128
    )
    password_time_cost: int = setting(3, "Argon2id: passes over the memory.", ge=1, le=100)
    password_memory_kib: int = setting(
        64 * 1024, "Argon2id: memory for one password, KiB.", ge=8 * 1024, le=4 * 1024 * 1024
    )
    password_parallelism: int = setting(4, "Argon2id: lanes.", ge=1, le=64)
    password_workers: int = setting(
        2, "Passwords hashed at the same time, each with that memory.", ge=1, le=64
    )
    password_queue: int = setting(
        32, "Passwords that may wait for that; who comes then is sent away.", ge=0, le=1_000
    )
    login_idle_s: int = setting(
        12 * 3_600, "How long a login lasts that nobody uses, seconds.", ge=60, le=90 * _DAY_S
    )
    login_lifetime_s: int = setting(
        7 * _DAY_S, "How long a login lasts at all, seconds.", ge=60, le=366 * _DAY_S
    )
    access_token_ttl_s: int = setting(
        600, "How long an access token is good, seconds.", ge=30, le=3_600
    )
    token_issuer: str = setting(
        "strikewire", "What access tokens of ours name as their issuer.", min_length=1
    )
    token_audience: str = setting(
        "strikewire", "For whom they are: programs that verify them themselves ask for it.",
        min_length=1,
    )  # fmt: skip
    signing_key_days: int = setting(30, "How long one key signs access tokens, days.", ge=1, le=366)
    setup_link_ttl_s: int = setting(
        _DAY_S, "How long a set-up link is good, seconds.", ge=60, le=30 * _DAY_S
    )

    user_service_issuer: str = setting(
        "",
        "What tokens of an external user service name as their issuer; without it none is taken.",
    )
    user_service_audience: str = setting("", "What they name as their audience.")
    user_service_jwks_url: str = setting("", "Where its keys are: https, or http on this machine.")
    user_service_algorithms: str = setting(
        "EdDSA,ES256,RS256", "What it signs with, with commas; nothing symmetric."
    )
    user_service_roles_claim: str = setting(
        "roles", "The claim with the roles; dots lead into objects: realm_access.roles.",
        min_length=1,
    )  # fmt: skip
    user_service_scopes_claim: str = setting(
        "", "The claim with scopes that narrow what the roles may; empty: nothing does."
    )
    user_service_timeout_s: Seconds = setting(5.0, "How long it may take to answer, seconds.")

    @field_validator("user_service_algorithms")
    @classmethod
    def _check_algorithms(cls, value: str) -> str:
        named = _split(value)
        if not named or set(named) - set(ALGORITHMS):
            msg = f"some of {', '.join(ALGORITHMS)} were wanted"
            raise ValueError(msg)
        return value

    @field_validator("user_service_jwks_url")
    @classmethod
    def _check_jwks_url(cls, value: str) -> str:
        parts = urlsplit(value)
        is_near = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if value and not (parts.hostname and (parts.scheme == "https" or is_near)):
            msg = "a URL with https was wanted, or with http one of this machine's"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _check_user_service(self) -> Self:
        given = (self.user_service_issuer, self.user_service_audience, self.user_service_jwks_url)
        if any(given) and not all(given):
            msg = (
                "STRIKEWIRE_USER_SERVICE_ISSUER, STRIKEWIRE_USER_SERVICE_AUDIENCE and "
                "STRIKEWIRE_USER_SERVICE_JWKS_URL belong together: all of them were wanted, or none"
            )
            raise ValueError(msg)
        if self.user_service_issuer == self.token_issuer:
            msg = "STRIKEWIRE_USER_SERVICE_ISSUER must differ from STRIKEWIRE_TOKEN_ISSUER"
            raise ValueError(msg)
        return self

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path not in ("", "/")
        ):
            msg = "a URL of scheme and host was wanted, as https://desk.example.com"
            raise ValueError(msg)
        return f"{parts.scheme}://{parts.netloc}"

    def to_passwords(self) -> PasswordConfig:
        """Return how passwords are hashed, and which are taken."""
        return PasswordConfig(
            time_cost=self.password_time_cost,
            memory_kib=self.password_memory_kib,
            parallelism=self.password_parallelism,
            workers=self.password_workers,
            queue=self.password_queue,
            min_characters=self.password_min_characters,
        )

    def to_logins(self) -> LoginsConfig:
        """Return how long somebody stays signed in."""
        return LoginsConfig(idle_s=self.login_idle_s, lifetime_s=self.login_lifetime_s)

    def to_access_tokens(self) -> AccessTokensConfig:
        """Return what access tokens say of themselves."""
        return AccessTokensConfig(
            issuer=self.token_issuer, audience=self.token_audience, ttl_s=self.access_token_ttl_s
        )

    def to_signing_keys(self) -> SigningKeysConfig:
        """Return how long a key signs."""
        return SigningKeysConfig(
            max_age_days=self.signing_key_days, token_ttl_s=self.access_token_ttl_s
        )

    def to_external(self) -> ExternalConfig | None:
        """Return whose tokens are taken beside ours; None for nobody's."""
        if not self.user_service_issuer:
            return None
        return ExternalConfig(
            issuer=self.user_service_issuer,
            audience=self.user_service_audience,
            algorithms=_split(self.user_service_algorithms),
            roles_claim=self.user_service_roles_claim,
            scopes_claim=self.user_service_scopes_claim,
        )

    def to_key_set(self) -> KeySetConfig:
        """Return where the external user service's keys are."""
        return KeySetConfig(url=self.user_service_jwks_url, timeout_s=self.user_service_timeout_s)

    def to_setup_links(self) -> SetupLinksConfig:
        """Return how long a set-up link is good."""
        return SetupLinksConfig(ttl_s=self.setup_link_ttl_s)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
