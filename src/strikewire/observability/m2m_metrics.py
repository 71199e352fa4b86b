"""The catalogue of metrics, of M2M; a part of `metrics`."""

from __future__ import annotations

from typing import Final

from strikewire.observability.metric_families import SampledFamily

M2M_STRATEGIES: Final = SampledFamily(
    "strikewire_strategies_marked", "Strategies that are marked to market.", "gauge"
)
M2M_CANDLES: Final = SampledFamily(
    "strikewire_strategy_candles", "Minute candles of strategies stored.", "counter"
)
M2M_PENDING: Final = SampledFamily(
    "strikewire_strategy_candles_pending", "Minute candles of strategies not stored yet.", "gauge"
)
M2M_WRITE: Final = SampledFamily(
    "strikewire_strategy_write_seconds",
    "Seconds that the last write of minute candles took.",
    "gauge",
)
M2M_ALERTS: Final = SampledFamily(
    "strikewire_strategy_alerts", "Targets and stops of strategies that were reached.", "counter"
)

M2M_FAMILIES: Final = (M2M_STRATEGIES, M2M_CANDLES, M2M_PENDING, M2M_WRITE, M2M_ALERTS)
