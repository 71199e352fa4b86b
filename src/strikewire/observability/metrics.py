"""The catalogue of metrics: every name that `/metrics` may show, in one place.

Alert rules and dashboards are written against these names; a metric that is not here does not
exist. Two kinds: those an owner counts as it goes along (fields of `Metrics`), and those whose
truth already lives in a component and is asked for at each scrape (`SampledFamily`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from strikewire.observability.feed_metrics import FEED_FAMILIES
from strikewire.observability.m2m_metrics import M2M_FAMILIES
from strikewire.observability.metric_families import SampledFamily, SampledHistogram

# Half a millisecond is a warm history; ten seconds is beyond every timeout we have.
_REQUEST_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_REFRESH_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
_FLUSH_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

#: One sample: label values, in the family's order, and the number.
Sample = tuple[Sequence[str], float]
#: One histogram's: label values; observations per bucket, the last without a bound; their sum.
HistogramSample = tuple[Sequence[str], Sequence[int], float]


POOL_CONNECTIONS: Final = SampledFamily(
    "strikewire_pool_connections",
    "Database connections of the pool, by state (idle, in_use).",
    "gauge",
    ("state",),
)
POOL_SIZE_MAX: Final = SampledFamily(
    "strikewire_pool_size_max", "The most connections the pool may open.", "gauge"
)
POOL_EXHAUSTED: Final = SampledFamily(
    "strikewire_pool_exhausted",
    "Callers that waited the whole acquire timeout for a connection in vain.",
    "counter",
)
DEPENDENCY_UP: Final = SampledFamily(
    "strikewire_dependency_up",
    "1 connected, 0 disconnected; a disabled dependency has no sample.",
    "gauge",
    ("dependency",),
)
CACHE_HITS: Final = SampledFamily(
    "strikewire_cache_hits", "Look-ups a cache could answer.", "counter", ("cache",)
)
CACHE_MISSES: Final = SampledFamily(
    "strikewire_cache_misses", "Look-ups a cache could not answer.", "counter", ("cache",)
)
CACHE_BYTES: Final = SampledFamily(
    "strikewire_cache_bytes", "Bytes a cache holds.", "gauge", ("cache",)
)
TASK_UP: Final = SampledFamily(
    "strikewire_task_up", "1 while a supervised task runs, 0 while it is down.", "gauge", ("task",)
)
TASK_RESTARTS: Final = SampledFamily(
    "strikewire_task_restarts", "Times a supervised task was started again.", "counter", ("task",)
)
LOOP_TASKS: Final = SampledFamily(
    "strikewire_event_loop_tasks",
    "Tasks of the event loop, requests and sockets included.",
    "gauge",
)
UPTIME: Final = SampledFamily(
    "strikewire_uptime_seconds", "Seconds since the program started.", "gauge"
)
TICKS: Final = SampledFamily("strikewire_ticks", "Ticks the engine applied.", "counter")
LATE_TICKS: Final = SampledFamily(
    "strikewire_ticks_late", "Ticks that came after the lateness window, and changed no bar.",
    "counter",
)  # fmt: skip
DUPLICATE_TICKS: Final = SampledFamily(
    "strikewire_ticks_duplicate", "Ticks that had been applied before.", "counter"
)
BARS: Final = SampledFamily("strikewire_bars", "Minute bars the engine closed.", "counter")
JOURNAL_BYTES: Final = SampledFamily(
    "strikewire_journal_bytes", "Bytes the session's journal has on disk.", "gauge"
)
JOURNALS: Final = SampledFamily(
    "strikewire_journals", "Recordings that have a journal on disk.", "gauge"
)
JOURNALS_BYTES: Final = SampledFamily("strikewire_journals_bytes", "Bytes of all of them.", "gauge")
JOURNALS_SAVED_BYTES: Final = SampledFamily(
    "strikewire_journals_saved_bytes", "Bytes that packing recordings saved.", "counter"
)
JOURNALS_DROPPED: Final = SampledFamily(
    "strikewire_journals_dropped",
    "Recordings that were dropped, by reason (age, size).",
    "counter",
    ("reason",),
)
RECORDER_QUEUE: Final = SampledFamily(
    "strikewire_recorder_queue_bars", "Closed bars waiting to be committed.", "gauge"
)
ORDER_QUEUE: Final = SampledFamily(
    "strikewire_order_queue_reports", "Reports of brokers waiting to be committed.", "gauge"
)
PAPER_ORDERS: Final = SampledFamily(
    "strikewire_paper_orders", "Orders that wait at the paper broker.", "gauge"
)
CHAIN_ROWS: Final = SampledFamily(
    "strikewire_chain_rows", "Rows of chains, futures and books committed.", "counter"
)

BROKER_CALLS: Final = SampledFamily(
    "strikewire_broker_calls",
    "Calls to the broker, by kind (historical, quote, other) and outcome: ok, or an error's code.",
    "counter",
    ("kind", "outcome"),
)
BROKER_WAITING: Final = SampledFamily(
    "strikewire_broker_calls_waiting",
    "Calls that wait for the broker's limits.",
    "gauge",
    ("kind",),
)
BROKER_BAD_ROWS: Final = SampledFamily(
    "strikewire_broker_bad_rows",
    "Rows of the broker's answers that made no sense and were left out.",
    "counter",
    ("what",),
)
BROKER_LOGIN: Final = SampledFamily(
    "strikewire_broker_login_valid", "1 while somebody is logged in with the broker, else 0.",
    "gauge",
)  # fmt: skip

BUDGET_INSTRUMENTS: Final = SampledFamily(
    "strikewire_budget_instruments",
    "Instruments that are wanted, by how they are covered (stream, quote, end_of_day).",
    "gauge",
    ("cover",),
)
BUDGET_SLOTS: Final = SampledFamily(
    "strikewire_budget_slots", "Slots of the broker's stream.", "gauge"
)
BUDGET_WAITING: Final = SampledFamily(
    "strikewire_budget_waiting",
    "Contracts that have earned a slot, and wait for the pace of changes.",
    "gauge",
)
BUDGET_POSITIONS_LEFT_OUT: Final = SampledFamily(
    "strikewire_budget_positions_left_out",
    "Positions that are not streamed: there are more of them than slots.",
    "gauge",
)
BUDGET_CHANGES: Final = SampledFamily(
    "strikewire_budget_changes",
    "Subscriptions and their ends for which somebody else lost or got a slot.",
    "counter",
)
BUDGET_BUSY: Final = SampledFamily(
    "strikewire_budget_busy_seconds", "Seconds spent on ranking what is wanted.", "counter"
)
QUOTE_CALLS: Final = SampledFamily(
    "strikewire_quote_calls",
    "Calls for quotes of contracts that are not streamed, by outcome (ok, failed).",
    "counter",
    ("outcome",),
)
QUOTE_TICKS: Final = SampledFamily(
    "strikewire_quote_ticks", "Prices that came of those calls.", "counter"
)
QUOTE_AGE: Final = SampledFamily(
    "strikewire_quote_age_seconds",
    "Seconds since the contract that waits longest was asked for; no sample until all were.",
    "gauge",
)

GAPS: Final = SampledFamily(
    "strikewire_gaps", "Stretches that were not heard, by state.", "gauge", ("state",)
)
GAP_OPEN_SINCE: Final = SampledFamily(
    "strikewire_gap_open_since_seconds",
    "When the oldest of them that is being filled, or waits to be, began; 0: there is none.",
    "gauge",
)
BACKFILL_ITEMS: Final = SampledFamily(
    "strikewire_backfill_items",
    "Days of instruments that were filled, by what came of it.",
    "counter",
    ("outcome",),
)
BACKFILL_BARS: Final = SampledFamily(
    "strikewire_backfill_bars", "Bars that a backfill added or replaced.", "counter"
)

RECONCILED_MINUTES: Final = SampledFamily(
    "strikewire_reconciled_minutes",
    "Minutes of ticks that were compared with the broker's candles, by verdict.",
    "counter",
    ("verdict",),
)

SOCKETS: Final = SampledFamily("strikewire_sockets", "WebSockets that are open.", "gauge")
STREAM_TOPICS: Final = SampledFamily(
    "strikewire_stream_topics", "Topics of bars that somebody listens to.", "gauge"
)
STREAM_LISTENERS: Final = SampledFamily(
    "strikewire_stream_listeners", "Subscriptions to topics of bars, over all sockets.", "gauge"
)

STREAM_MESSAGES: Final = SampledFamily(
    "strikewire_stream_messages", "Messages published, by kind of topic.", "counter", ("kind",)
)
STREAM_DELIVERED: Final = SampledFamily(
    "strikewire_stream_delivered",
    "Messages handed to connections, once for each, by kind of topic.",
    "counter",
    ("kind",),
)
STREAM_BYTES: Final = SampledFamily(
    "strikewire_stream_sent_bytes", "Bytes of those messages.", "counter", ("kind",)
)
STREAM_CONFLATED: Final = SampledFamily(
    "strikewire_stream_conflated",
    "States that a newer one replaced before a slow client could have them.",
    "counter",
    ("kind",),
)
STREAM_DROPPED: Final = SampledFamily(
    "strikewire_stream_dropped",
    "Events that waited for a client that was closed as too slow.",
    "counter",
    ("kind",),
)
STREAM_SLOW_CLIENTS: Final = SampledFamily(
    "strikewire_stream_slow_clients", "Clients closed because they did not follow.", "counter"
)
STREAM_BACKLOG: Final = SampledFamily(
    "strikewire_stream_backlog_messages", "Messages that wait for slow clients.", "gauge"
)
STREAM_BACKLOG_MAX: Final = SampledFamily(
    "strikewire_stream_backlog_messages_max", "Those of the slowest client.", "gauge"
)
STREAM_DELIVERY_SECONDS: Final = SampledHistogram(
    "strikewire_stream_delivery_seconds",
    "Seconds from a message's publication until a connection took it, by kind of topic.",
    ("kind",),
)

#: Every sampled family, for the documentation and the test that compares it.
SAMPLED_FAMILIES: Final = (
    POOL_CONNECTIONS, POOL_SIZE_MAX, POOL_EXHAUSTED, DEPENDENCY_UP, CACHE_HITS, CACHE_MISSES,
    CACHE_BYTES, TASK_UP, TASK_RESTARTS, LOOP_TASKS, UPTIME, TICKS, LATE_TICKS, DUPLICATE_TICKS,
    BARS, JOURNAL_BYTES, JOURNALS, JOURNALS_BYTES, JOURNALS_SAVED_BYTES, JOURNALS_DROPPED,
    *FEED_FAMILIES, *M2M_FAMILIES, RECORDER_QUEUE, ORDER_QUEUE, PAPER_ORDERS, CHAIN_ROWS,
    BROKER_CALLS, BROKER_WAITING, BROKER_BAD_ROWS, BROKER_LOGIN, GAPS, GAP_OPEN_SINCE,
    BACKFILL_ITEMS, BACKFILL_BARS, RECONCILED_MINUTES, BUDGET_INSTRUMENTS, BUDGET_SLOTS,
    BUDGET_WAITING,
    BUDGET_POSITIONS_LEFT_OUT, BUDGET_CHANGES, BUDGET_BUSY, QUOTE_CALLS,
    QUOTE_TICKS, QUOTE_AGE, SOCKETS, STREAM_TOPICS, STREAM_LISTENERS, STREAM_MESSAGES,
    STREAM_DELIVERED, STREAM_BYTES, STREAM_CONFLATED, STREAM_DROPPED, STREAM_SLOW_CLIENTS,
    STREAM_BACKLOG, STREAM_BACKLOG_MAX, STREAM_DELIVERY_SECONDS,
)  # fmt: skip


class _Sampled(Collector):
    """One family and whoever knows its numbers."""

    def __init__(self, family: SampledFamily, read: Callable[[], Iterable[Sample]]) -> None:
        self._family = family
        self._read = read

    def _make(self) -> CounterMetricFamily | GaugeMetricFamily:
        family = self._family
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        return kind(family.name, family.help, labels=family.labels)

    def describe(self) -> Iterable[Metric]:
        """Give the name without samples: the registry asks, to find one shown twice."""
        yield self._make()

    def collect(self) -> Iterable[Metric]:
        metric = self._make()
        for labels, value in self._read():
            metric.add_metric(list(labels), value)
        yield metric


class _SampledBuckets(Collector):
    """One histogram and whoever knows its numbers."""

    def __init__(
        self,
        family: SampledHistogram,
        bounds: Sequence[float],
        read: Callable[[], Iterable[HistogramSample]],
    ) -> None:
        self._family = family
        self._names = [*(str(bound) for bound in bounds), "+Inf"]
        self._read = read

    def _make(self) -> HistogramMetricFamily:
        family = self._family
        return HistogramMetricFamily(family.name, family.help, labels=family.labels)

    def describe(self) -> Iterable[Metric]:
        """Give the name without samples."""
        yield self._make()

    def collect(self) -> Iterable[Metric]:
        metric = self._make()
        for labels, counts, total in self._read():
            buckets = list(zip(self._names, accumulate(counts), strict=True))
            metric.add_metric(list(labels), buckets, total)
        yield metric


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one program, on a registry of its own.

    `requests` counts by method, route template and status; `request_seconds` times by method and
    route template; `credentials_refused` counts by reason, `rate_limited` refusals by limit,
    `sockets_refused` by error code; `recorder_flush_seconds` is one commit of bars and checkpoint;
    `chain_refresh_seconds` is one valuation of all chains that moved and are wanted;
    `order_commit_seconds` is one commit of what became of orders, `order_steps` counts that by the
    state it led to.
    """

    registry: CollectorRegistry
    requests: Counter
    request_seconds: Histogram
    requests_in_flight: Gauge
    credentials_refused: Counter
    rate_limited: Counter
    sockets_refused: Counter
    recorder_flush_seconds: Histogram
    chain_refresh_seconds: Histogram
    chains_refreshed: Counter
    order_commit_seconds: Histogram
    order_steps: Counter
    order_fills: Counter

    def sample(self, family: SampledFamily, read: Callable[[], Iterable[Sample]]) -> None:
        """Show a family, asking `read` for its samples at each scrape.

        Raises
        ------
        ValueError : the family is shown already; names it.
        """
        self.registry.register(_Sampled(family, read))

    def sample_histogram(
        self,
        family: SampledHistogram,
        bounds: Sequence[float],
        read: Callable[[], Iterable[HistogramSample]],
    ) -> None:
        """Show a histogram, asking `read` at each scrape.

        Parameters
        ----------
        bounds : upper bounds of its buckets, growing; one more has no bound.

        Raises
        ------
        ValueError : the family is shown already; names it.
        """
        self.registry.register(_SampledBuckets(family, bounds, read))

    def expose(self) -> tuple[bytes, str]:
        """Return every metric in Prometheus' text format, and that format's content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def sample_value(self, family: SampledFamily, read: Callable[[], float]) -> None:
        """Show a family that has one value and no labels."""
        self.sample(family, lambda: [((), read())])


def build_metrics(*, version: str) -> Metrics:
    """Make the catalogue on a fresh registry, with the process's own figures beside it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge(
        "strikewire_build_info", "Always 1; the version is a label.", ["version"],
        registry=registry,
    )  # fmt: skip
    build.labels(version).set(1)
    return Metrics(
        registry=registry,
        requests=Counter(
            "strikewire_requests",
            "HTTP requests, by method, route template and status.",
            ["method", "route", "status"],
            registry=registry,
        ),
        request_seconds=Histogram(
            "strikewire_request_seconds",
            "Seconds from a request's head to its response's last byte.",
            ["method", "route"],
            buckets=_REQUEST_BUCKETS_S,
            registry=registry,
        ),
        requests_in_flight=Gauge(
            "strikewire_requests_in_flight", "HTTP requests being answered.", registry=registry
        ),
        credentials_refused=Counter(
            "strikewire_credentials_refused",
            "Credentials that were no good, passwords included, by what was wrong with them.",
            ["reason"],
            registry=registry,
        ),
        rate_limited=Counter(
            "strikewire_rate_limited",
            "Requests refused for asking too much, by limit.",
            ["limit"],
            registry=registry,
        ),
        sockets_refused=Counter(
            "strikewire_sockets_refused",
            "Sockets that were not let in, by the error's code.",
            ["code"],
            registry=registry,
        ),
        recorder_flush_seconds=Histogram(
            "strikewire_recorder_flush_seconds",
            "Seconds one commit of bars and checkpoint took.",
            buckets=_FLUSH_BUCKETS_S,
            registry=registry,
        ),
        chain_refresh_seconds=Histogram(
            "strikewire_chain_refresh_seconds",
            "Seconds one valuation of the chains that moved and are wanted took.",
            buckets=_REFRESH_BUCKETS_S,
            registry=registry,
        ),
        chains_refreshed=Counter(
            "strikewire_chains_refreshed",
            "Chains valued because they moved and somebody wants them.",
            registry=registry,
        ),
        order_commit_seconds=Histogram(
            "strikewire_order_commit_seconds",
            "Seconds one commit of what became of orders took.",
            buckets=_FLUSH_BUCKETS_S,
            registry=registry,
        ),
        order_steps=Counter(
            "strikewire_order_steps",
            "Changes of orders that were committed, by the state they led to.",
            ["state"],
            registry=registry,
        ),
        order_fills=Counter(
            "strikewire_order_fills", "Fills that were committed.", registry=registry
        ),
    )
