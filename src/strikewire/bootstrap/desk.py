"""What trades, put together."""

from __future__ import annotations

from dataclasses import dataclass

from strikewire.bootstrap.sealing import make_secret_box
from strikewire.bootstrap.stores import make_audit_trail
from strikewire.core.clock import Clock
from strikewire.desk.accounts import TradingAccounts
from strikewire.desk.kill_switch import KillSwitch
from strikewire.runtime import Desk
from strikewire.settings import Settings
from strikewire.store.database import Database
from strikewire.store.desk_accounts import AccountStore
from strikewire.store.desk_orders import OrderStore


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTools:
    """What the desk is built with.

    Parameters
    ----------
    clock : the machine's time.
    """

    database: Database
    clock: Clock


def build_desk(settings: Settings, tools: DeskTools) -> Desk:
    """Return what trades. It is built before a market is heard: some of it listens to that."""
    database, clock = tools.database, tools.clock
    store, trail = AccountStore(), make_audit_trail(database)
    return Desk(
        accounts=TradingAccounts(
            settings.to_trading_accounts(),
            database=database,
            store=store,
            box=make_secret_box(settings),
            trail=trail,
            clock=clock,
        ),
        kill_switch=KillSwitch(
            database=database, accounts=store, orders=OrderStore(), trail=trail, clock=clock
        ),
    )
