"""The settings of keys and sockets: the master key, and how many sockets there may be."""

from __future__ import annotations

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from strikewire.api.config import SocketConfig
from strikewire.auth.credential_watch import CredentialWatchConfig
from strikewire.auth.master_key import MIN_MASTER_KEY_CHARACTERS
from strikewire.settings.sources import setting


class KeySettings(BaseSettings):
    """What belongs to keys and sockets; a part of `Settings`."""

    master_api_key: SecretStr | None = setting(
        None,
        "A key that may do everything, to begin with: at least "
        f"{MIN_MASTER_KEY_CHARACTERS} characters, from a source of secrets.",
        customary="MASTER_API_KEY",
    )
    sockets_max: int = setting(2_000, "The most sockets at once.", ge=1, le=1_000_000)
    sockets_per_user: int = setting(
        100, "The most sockets of one user, those of their keys included.", ge=1, le=1_000_000
    )
    sockets_per_address: int = setting(
        200, "The most sockets from one address; of IPv6, from one /64.", ge=1, le=1_000_000
    )
    socket_recheck_s: float = setting(
        15.0,
        "How often an open socket's credential is asked about, seconds; what is revoked closes its "
        "sockets within a minute.",
        gt=0,
        le=45,
    )

    @field_validator("master_api_key")
    @classmethod
    def _check_master_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        text = value.get_secret_value()
        if len(text) < MIN_MASTER_KEY_CHARACTERS:
            msg = (
                f"at least {MIN_MASTER_KEY_CHARACTERS} characters were wanted, found {len(text)}; "
                "`openssl rand -base64 32` makes some"
            )
            raise ValueError(msg)
        if not (text.isascii() and text.isprintable()) or " " in text:
            msg = "visible ASCII characters without a space were wanted: it has to fit a header"
            raise ValueError(msg)
        return value

    def find_master_key(self) -> str | None:
        """Return the master key; None: there is none."""
        key = self.master_api_key
        return None if key is None else key.get_secret_value()

    def to_sockets(self) -> SocketConfig:
        """Return what a socket's client may do."""
        return SocketConfig(
            max_sockets=self.sockets_max,
            max_per_user=self.sockets_per_user,
            max_per_address=self.sockets_per_address,
        )

    def to_credential_watch(self) -> CredentialWatchConfig:
        """Return how often credentials are asked about."""
        return CredentialWatchConfig(interval_s=self.socket_recheck_s)
