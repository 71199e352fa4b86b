"""The scopes there are: what a principal may be allowed to do. Checked in, so reviewed."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One thing that may be allowed. The values are what keys and tokens will carry."""

    #: See the instrument registry and search in it.
    INSTRUMENTS_READ = "instruments:read"
    #: See bars, quotes and charts.
    BARS_READ = "bars:read"
    #: See what is recorded and what is missing.
    COVERAGE_READ = "coverage:read"
    #: See sessions, holidays, lot sizes and the other market rules.
    MARKET_RULES_READ = "market-rules:read"
    #: Change them, for everybody and at once.
    MARKET_RULES_WRITE = "market-rules:write"
    #: See how a replay is getting on.
    REPLAY_READ = "replay:read"
    #: Play, pause, seek and change the speed of a replay.
    REPLAY_CONTROL = "replay:control"
    #: Read `/metrics`, where the operator has closed it to the public.
    METRICS_READ = "metrics:read"


class Role(StrEnum):
    """What kind of user somebody is."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"
