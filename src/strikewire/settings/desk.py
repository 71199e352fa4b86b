"""The settings of the desk: what accounts may be traded on."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from strikewire.desk.accounts import TradingAccountsConfig
from strikewire.settings.sources import setting


class DeskSettings(BaseSettings):
    """What belongs to accounts, orders and strategies; a part of `Settings`."""

    live_trading: bool = setting(
        default=False,
        description="Whether accounts may be set to trade with real money; each needs limits, and "
        "whoever sets it the scope orders:live.",
    )

    def to_trading_accounts(self) -> TradingAccountsConfig:
        """Return what accounts may be."""
        return TradingAccountsConfig(is_live_allowed=self.live_trading)
