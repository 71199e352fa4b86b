"""Every setting there is, checked before anything starts.

What is given on the command line wins over the environment, and that over `.env` (`sources.py`). A
value that cannot be stops the program, with the variable's name and what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from strikewire.api.config import ApiConfig
from strikewire.auth.demo import DemoIdentity
from strikewire.auth.key_ring import GivenKeys, KeyFile, KeySource, parse_key_ring
from strikewire.core.errors import SettingsError
from strikewire.core.instants import SECOND_NS
from strikewire.core.users import User
from strikewire.engine.chains.valuation import ChainTerms
from strikewire.engine.engine import EngineConfig
from strikewire.live.chain_board import ChainBoardConfig
from strikewire.live.directory import DirectoryConfig
from strikewire.live.recorder import RecorderConfig
from strikewire.live.recordings import RecordingConfig
from strikewire.live.session import SessionConfig
from strikewire.observability.logs import LogConfig
from strikewire.resilience.failpoints import Failpoints
from strikewire.settings.desk import DeskSettings
from strikewire.settings.feeds import FeedSettings
from strikewire.settings.identity import IdentitySettings
from strikewire.settings.journals import JournalSettings
from strikewire.settings.keys import KeySettings
from strikewire.settings.manners import MannersSettings
from strikewire.settings.sources import (
    Seconds,
    VariableSource,
    list_field_variables,
    setting,
)
from strikewire.store.database import DatabaseConfig
from strikewire.store.pages import PageCacheConfig
from strikewire.stream.relay import RelayConfig

_DATABASE_SCHEMES: Final = ("postgresql", "postgresql+asyncpg", "postgresql+psycopg")
_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


class Settings(
    DeskSettings, FeedSettings, IdentitySettings, JournalSettings, KeySettings, MannersSettings
):
    """Every setting there is. No secret has a default."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = setting("127.0.0.1", "Where the server listens.", min_length=1)
    port: int = setting(8081, "The server's port.", customary="PORT", ge=1, le=65_535)
    data_dir: Path = setting(
        Path("strikewire-data"), "Where the journal and the embedded database live."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = setting(
        "INFO", "The least important lines that are logged.", customary="LOG_LEVEL"
    )
    log_sample_burst: int = setting(
        20, "Lines of one noisy event that are logged per interval; 0 logs all.", ge=0
    )
    log_sample_interval_s: Seconds = setting(10.0, "That interval, seconds.")

    database_url: SecretStr | None = setting(
        None,
        "PostgreSQL, as postgresql://, postgresql+asyncpg:// or postgresql+psycopg://; without it "
        "the embedded server in the data directory.",
        customary="DATABASE_URL",
    )
    database_migrate: Literal["auto", "off"] = setting(
        "auto",
        "Whether the schema is brought up to date at start; off leaves it to `strikewire db`.",
        customary="DATABASE_MIGRATE",
    )
    database_pool_size: int = setting(
        20, "Connections that are kept.", customary="DATABASE_POOL_SIZE", ge=1, le=1_000
    )
    database_max_overflow: int = setting(
        10,
        "Connections beyond those, while they are needed.",
        customary="DATABASE_MAX_OVERFLOW",
        ge=0,
        le=1_000,
    )
    database_pool_min: int = setting(
        2, "Connections opened at start.", customary="DATABASE_POOL_MIN", ge=0, le=1_000
    )
    database_acquire_timeout_s: Seconds = setting(
        5.0, "How long a request waits for a connection, seconds."
    )
    database_recycle_s: Seconds = setting(3_600.0, "How old a connection may become, seconds.")
    database_idle_lifetime_s: Seconds = setting(
        300.0, "How long a connection may go unused, seconds."
    )
    database_statement_timeout_s: Seconds = setting(30.0, "How long a statement may run, seconds.")
    database_lock_timeout_s: Seconds = setting(
        0.5, "How long a read waits for a lock, seconds; then it answers 503."
    )
    database_watch_interval_s: Seconds = setting(
        2.0, "How often the database is asked whether it is there, seconds."
    )
    embedded_port: int | None = setting(
        None, "The embedded server's port on loopback; by default a free one.", ge=1, le=65_535
    )
    redis_url: SecretStr | None = setting(
        None,
        "Redis, as redis://, rediss:// or unix://: programs that serve repeat the streams of the "
        "one that hears a market.",
        customary="REDIS_URL",
    )

    secret_keys: SecretStr | None = setting(
        None,
        "Keys for secrets in the database, in base64 with commas between: the first seals, all "
        "open. Without it a key file in the data directory.",
    )
    demo_principal: bool = setting(
        default=True,
        description="Whether whoever asks from this machine may do everything, while the server "
        "listens on loopback alone and nobody has an account.",
    )
    demo_beside_users: bool = setting(
        default=False,
        description="Whether that goes on when somebody has an account, as under `strikewire "
        "demo`.",
    )
    metrics_public: bool = setting(
        default=True, description="Whether /metrics answers without an identity."
    )
    max_body_bytes: int = setting(
        1024 * 1024, "The longest request body.", ge=1_024, le=1024 * 1024 * 1024
    )
    drain_notice_s: float = setting(
        1.0, "How long the server says that it is not ready before it stops listening, seconds.",
        ge=0, le=10,
    )  # fmt: skip
    drain_timeout_s: float = setting(
        10.0, "How long requests under way may take to finish at the end, seconds.", gt=0, le=12
    )

    page_cache_bytes: int = setting(
        256 * 1024 * 1024, "Memory for bars that are ready to be sent.", ge=1024 * 1024
    )
    page_cache_ttl_s: Seconds = setting(
        300.0, "How long such bars are believed, for another program may change them, seconds."
    )
    lateness_s: float = setting(
        30.0, "How late a tick may be and still change its bar, seconds.", ge=0, le=3_600
    )
    recorder_flush_s: Seconds = setting(
        1.0, "How long a closed bar may wait to be committed together with others, seconds."
    )
    risk_free_rate: float = setting(
        0.065, "What money costs without risk, a year, continuously compounded.", ge=-0.5, le=1
    )
    chain_interval_s: Seconds = setting(
        0.25, "The least time between two valuations of a live option chain, seconds."
    )
    chain_trade_age_s: Seconds = setting(
        300.0, "How old a trade may be and still make a volatility where nobody quotes, seconds."
    )
    failpoint: str = setting(
        "", "Where the program kills itself, as name or name:count; for tests of crashes."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take our own source in place of pydantic's: it knows customary names and files."""
        return init_settings, VariableSource(settings_cls)

    @field_validator("log_level", mode="before")
    @classmethod
    def _raise_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_url(value, _DATABASE_SCHEMES, needs_path=True)

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_url(value, _REDIS_SCHEMES, needs_path=False)

    @field_validator("secret_keys")
    @classmethod
    def _check_secret_keys(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value is not None:
                parse_key_ring(value.get_secret_value())
        except SettingsError as error:
            raise ValueError(error.message) from None
        return value

    @model_validator(mode="after")
    def _check_pool(self) -> Self:
        most = self.database_pool_size + self.database_max_overflow
        if self.database_pool_min > most:
            msg = (
                f"DATABASE_POOL_MIN must not be above DATABASE_POOL_SIZE + DATABASE_MAX_OVERFLOW "
                f"({most}), was {self.database_pool_min}"
            )
            raise ValueError(msg)
        if self.database_lock_timeout_s > self.database_acquire_timeout_s:
            msg = (
                "STRIKEWIRE_DATABASE_LOCK_TIMEOUT_S must not be above "
                f"STRIKEWIRE_DATABASE_ACQUIRE_TIMEOUT_S ({self.database_acquire_timeout_s}), "
                f"was {self.database_lock_timeout_s}"
            )
            raise ValueError(msg)
        return self

    def to_database(self, url: str) -> DatabaseConfig:
        """Return the store's configuration for a server that is known by now."""
        return DatabaseConfig(
            url=url,
            pool_size=self.database_pool_size,
            max_overflow=self.database_max_overflow,
            pool_min=self.database_pool_min,
            acquire_timeout_s=self.database_acquire_timeout_s,
            recycle_s=self.database_recycle_s,
            idle_lifetime_s=self.database_idle_lifetime_s,
            statement_timeout_s=self.database_statement_timeout_s,
            lock_timeout_s=self.database_lock_timeout_s,
        )

    def to_logs(self) -> LogConfig:
        """Return the logs' configuration."""
        return LogConfig(
            level=self.log_level,
            sample_burst=self.log_sample_burst,
            sample_interval_s=self.log_sample_interval_s,
            secrets=self.collect_secrets(),
        )

    def to_api(self) -> ApiConfig:
        """Return the application's configuration."""
        return ApiConfig(
            max_body_bytes=self.max_body_bytes,
            is_metrics_public=self.metrics_public,
            gate=self.to_gate(self.host),
            rates=self.to_rates(),
            public_url=self.public_url,
            login_lifetime_s=self.login_lifetime_s,
            sockets=self.to_sockets(),
        )

    def to_relay(self) -> RelayConfig | None:
        """Return how streams are relayed; None without Redis."""
        if self.redis_url is None:
            return None
        return RelayConfig(url=self.redis_url.get_secret_value())

    def to_pages(self) -> PageCacheConfig:
        """Return the page cache's configuration."""
        return PageCacheConfig(max_bytes=self.page_cache_bytes, ttl_s=self.page_cache_ttl_s)

    def to_directory(self) -> DirectoryConfig:
        """Return the instrument directory's configuration."""
        return DirectoryConfig()

    def to_engine(self) -> EngineConfig:
        """Return the engine's configuration."""
        return EngineConfig(lateness_ns=int(self.lateness_s * SECOND_NS))

    def to_recordings(self) -> RecordingConfig:
        """Return how feeds are recorded."""
        return RecordingConfig(
            journal_root=self.data_dir / "journal",
            engine=self.to_engine(),
            recorder=RecorderConfig(flush_interval_s=self.recorder_flush_s),
            session=SessionConfig(
                journal_flush_s=self.journal_flush_s, failpoints=Failpoints(self.failpoint)
            ),
            chains=ChainTerms(rate=self.risk_free_rate, age_max_s=self.chain_trade_age_s),
        )

    def to_chain_board(self) -> ChainBoardConfig:
        """Return how often live chains are valued."""
        return ChainBoardConfig(interval_s=self.chain_interval_s)

    def collect_secrets(self) -> frozenset[str]:
        """Return every secret the settings hold, and of a URL its password: to be blanked."""
        found: set[str] = set()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                text = value.get_secret_value()
                found |= {text, *re.split(r"[\s,]+", text)}
                password = urlsplit(text).password if "://" in text else None
                if password:
                    found |= {password, unquote(password)}
        return frozenset(found)

    def to_key_source(self) -> KeySource:
        """Return where the keys come from that secrets in the database are sealed under."""
        if self.secret_keys is not None:
            return GivenKeys(parse_key_ring(self.secret_keys.get_secret_value()))
        return KeyFile(self.data_dir / "secret.keys")

    def to_demo_identity(self, find_account: Callable[[], Awaitable[User | None]]) -> DemoIdentity:
        """Return who may be the demo principal.

        Parameters
        ----------
        find_account : returns the account that is the demo principal's.
        """
        return DemoIdentity(
            is_allowed=self.demo_principal, bind_host=self.host, find_account=find_account
        )


def list_variables(name: str) -> tuple[str, ...]:
    """Return the variables a setting is read from, the one that wins first."""
    return list_field_variables(name, Settings.model_fields[name])


def load_settings(**given: Any) -> Settings:
    """Read and check every setting.

    Parameters
    ----------
    given : what the command line says, by the settings' names; None means it says nothing.

    Raises
    ------
    SettingsError : a value is missing or wrong; one line for each, with the variable's name.
    """
    known = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**known)
    except ValidationError as error:
        faults = [
            (str(each["loc"][0]) if each["loc"] else "", str(each["msg"]))
            for each in error.errors(include_input=False, include_url=False)
        ]
    raise SettingsError("; ".join(_describe_fault(name, message) for name, message in faults))


def _describe_fault(name: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    if name not in Settings.model_fields:
        return message if not name else f"{name}: {message}"
    variables = " or ".join(reversed(list_variables(name)))
    return f"{variables}: {message[0].lower()}{message[1:]}"


def _check_url(
    value: SecretStr | None, schemes: tuple[str, ...], *, needs_path: bool
) -> SecretStr | None:
    """Check what can be checked without asking the server; the message never holds the URL."""
    if value is None:
        return None
    try:
        parts = urlsplit(value.get_secret_value())
        parts.port  # noqa: B018 - the property raises on a port that is none
    except ValueError:
        msg = "a URL was wanted, and its host or port cannot be read"
        raise ValueError(msg) from None
    if parts.scheme not in schemes:
        wanted = ", ".join(f"{scheme}://" for scheme in schemes)
        msg = f"a URL that starts with one of {wanted} was wanted, was {parts.scheme[:32]}://"
        raise ValueError(msg)
    if needs_path and not parts.path.strip("/"):
        msg = "the URL must name a database after the host: postgresql://user@host:5432/name"
        raise ValueError(msg)
    return value
