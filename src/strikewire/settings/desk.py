"""The settings of the desk: what accounts may be traded on."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from strikewire.desk.accounts import TradingAccountsConfig
from strikewire.desk.brokers.matching import Slippage
from strikewire.desk.brokers.paper import PaperConfig
from strikewire.desk.order_checks import OrderChecksConfig
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

    order_protection_bps: int = setting(
        default=300,
        ge=1,
        le=10_000,
        description="How far from the last price a market order may trade that does not say so "
        "itself, in hundredths of a per cent.",
    )
    order_band_bps: int = setting(
        default=5_000,
        ge=100,
        description="How far beyond the last price the limit of an order may be, on the side on "
        "which it would trade, in hundredths of a per cent.",
    )
    orders_per_second: int = setting(
        default=10,
        ge=1,
        le=1_000,
        description="How often orders of one account may be placed or modified within a second; "
        "exchanges ask more of whoever sends more than ten.",
    )

    def to_order_checks(self) -> OrderChecksConfig:
        """Return what is asked of every order."""
        return OrderChecksConfig(
            protection_bps=self.order_protection_bps,
            band_bps=self.order_band_bps,
            per_second=self.orders_per_second,
        )

    def to_trading_accounts(self) -> TradingAccountsConfig:
        """Return what accounts may be."""
        return TradingAccountsConfig(is_live_allowed=self.live_trading)
