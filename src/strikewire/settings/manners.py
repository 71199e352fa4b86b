"""The settings of the API's manners: what may be asked, by whom, how often."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from strikewire.live.idempotency import IdempotencyConfig
from strikewire.settings.sources import Seconds, setting


class MannersSettings(BaseSettings):
    """What belongs to the application's manners; a part of `Settings`."""

    idempotency_ttl_s: Seconds = setting(
        86_400.0, "How long a request with the same Idempotency-Key gets its first answer, seconds."
    )

    def to_idempotency(self) -> IdempotencyConfig:
        """Return how long answers are kept."""
        return IdempotencyConfig(ttl_s=self.idempotency_ttl_s)
