"""The settings of the desk: what accounts may be traded on."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from strikewire.desk.accounts import TradingAccountsConfig
from strikewire.desk.brokers.matching import Slippage
from strikewire.desk.brokers.paper import PaperConfig
from strikewire.settings.sources import setting


class DeskSettings(BaseSettings):
    """What belongs to accounts, orders and strategies; a part of `Settings`."""

    live_trading: bool = setting(
        default=False,
        description="Whether accounts may be set to trade with real money; each needs limits, and "
        "whoever sets it the scope orders:live.",
    )

    paper_slippage_ticks: int = setting(
        1,
        "What paper's takers pay where there is no book, in steps of the price.",
        ge=0,
        le=1_000,
    )
    paper_slippage_bps: int = setting(
        0,
        "The same in hundredths of a per cent of the price; the larger of the two counts.",
        ge=0,
        le=10_000,
    )

    def to_paper(self) -> PaperConfig:
        """Return how paper is filled."""
        return PaperConfig(
            slippage=Slippage(ticks=self.paper_slippage_ticks, bps=self.paper_slippage_bps)
        )

    def to_trading_accounts(self) -> TradingAccountsConfig:
        """Return what accounts may be."""
        return TradingAccountsConfig(is_live_allowed=self.live_trading)
