"""Figures: binds what `/metrics` and `/health` show to whoever knows it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from strikewire.desk.brokers.paper import PaperBroker
from strikewire.desk.order_desk import OrderDesk
from strikewire.feeds.kite.feed import KiteFeed
from strikewire.feeds.kite.socket import SocketState
from strikewire.live.database_watch import DatabaseWatch
from strikewire.live.directory import InstrumentDirectory
from strikewire.live.session import Session
from strikewire.observability import feed_metrics
from strikewire.observability import metrics as catalogue
from strikewire.observability.health import TaskState
from strikewire.observability.metrics import Metrics, Sample
from strikewire.resilience.supervisor import Supervisor
from strikewire.runtime import Runtime
from strikewire.store.pages import PageCache
from strikewire.stream.figures import LATENCY_BOUNDS_S, KindFigures
from strikewire.stream.hub import Hub


def describe_caches(
    pages: PageCache, directory: InstrumentDirectory
) -> dict[str, dict[str, float]]:
    """Return each cache's statistics by its name."""
    found = pages.compute_statistics()
    return {
        "pages": {
            "hits": found.hits,
            "misses": found.misses,
            "evictions": found.evictions,
            "entries": found.page_count,
            "bytes": found.nbytes,
            "max_bytes": found.max_bytes,
        },
        "symbols": directory.statistics,
    }


def show_server_metrics(
    metrics: Metrics, runtime: Runtime, supervisor: Supervisor, watch: DatabaseWatch
) -> None:
    """Bind the families that every server shows."""
    pool = runtime.database.pool_status
    health = runtime.health

    def read_cache(figure: str) -> Iterable[Sample]:
        return [((name,), each[figure]) for name, each in health.caches().items()]

    metrics.sample(
        catalogue.POOL_CONNECTIONS,
        lambda: [(("idle",), pool().idle_connections), (("in_use",), pool().in_use_connections)],
    )
    metrics.sample_value(catalogue.POOL_SIZE_MAX, lambda: pool().max_size)
    metrics.sample_value(catalogue.POOL_EXHAUSTED, lambda: pool().exhausted_count)
    metrics.sample(catalogue.DEPENDENCY_UP, lambda: [(("db",), float(watch.is_connected))])
    metrics.sample(catalogue.CACHE_HITS, lambda: read_cache("hits"))
    metrics.sample(catalogue.CACHE_MISSES, lambda: read_cache("misses"))
    metrics.sample(catalogue.CACHE_BYTES, lambda: [(("pages",), health.caches()["pages"]["bytes"])])
    metrics.sample(
        catalogue.TASK_UP,
        lambda: [
            ((task.name,), float(task.state is TaskState.RUNNING)) for task in supervisor.reports()
        ],
    )
    metrics.sample(
        catalogue.TASK_RESTARTS,
        lambda: [((task.name,), task.restarts) for task in supervisor.reports()],
    )
    loop = asyncio.get_running_loop()
    metrics.sample_value(catalogue.LOOP_TASKS, lambda: len(asyncio.all_tasks(loop)))
    streams = runtime.bar_streams
    metrics.sample_value(catalogue.STREAM_TOPICS, lambda: streams.topic_count)
    metrics.sample_value(catalogue.STREAM_LISTENERS, lambda: streams.listener_count)
    metrics.sample_value(catalogue.UPTIME, lambda: health.uptime_s)
    _show_stream_metrics(metrics, runtime.hub)


def _show_stream_metrics(metrics: Metrics, hub: Hub) -> None:
    figures = hub.figures

    def read(figure: Callable[[KindFigures], float]) -> Callable[[], Iterable[Sample]]:
        return lambda: [((kind,), figure(each)) for kind, each in figures.by_kind.items()]

    metrics.sample(catalogue.STREAM_MESSAGES, read(lambda kind: kind.messages))
    metrics.sample(catalogue.STREAM_DELIVERED, read(lambda kind: kind.delivered))
    metrics.sample(catalogue.STREAM_BYTES, read(lambda kind: kind.sent_bytes))
    metrics.sample(catalogue.STREAM_CONFLATED, read(lambda kind: kind.conflated))
    metrics.sample(catalogue.STREAM_DROPPED, read(lambda kind: kind.dropped))
    metrics.sample_value(catalogue.STREAM_SLOW_CLIENTS, lambda: figures.slow_clients)
    metrics.sample_value(catalogue.SOCKETS, lambda: len(hub.subscribers))
    metrics.sample_value(
        catalogue.STREAM_BACKLOG, lambda: sum(each.backlog_count for each in hub.subscribers)
    )
    metrics.sample_value(
        catalogue.STREAM_BACKLOG_MAX,
        lambda: max((each.backlog_count for each in hub.subscribers), default=0),
    )
    metrics.sample_histogram(
        catalogue.STREAM_DELIVERY_SECONDS,
        LATENCY_BOUNDS_S,
        lambda: [
            ((kind,), each.latency, each.latency_sum_ns / 1e9)
            for kind, each in figures.by_kind.items()
        ],
    )


def show_session_metrics(metrics: Metrics, session: Session) -> None:
    """Bind what a session counts."""
    engine = session.engine
    metrics.sample_value(catalogue.TICKS, lambda: engine.counters.applied)
    metrics.sample_value(catalogue.LATE_TICKS, lambda: engine.counters.late)
    metrics.sample_value(catalogue.DUPLICATE_TICKS, lambda: engine.counters.duplicates)
    metrics.sample_value(catalogue.BARS, lambda: engine.counters.bars)
    metrics.sample_value(catalogue.RECORDER_QUEUE, lambda: session.recorder.pending_bars)
    metrics.sample_value(catalogue.CHAIN_ROWS, lambda: session.recorder.chain_rows)
    metrics.sample_value(catalogue.JOURNAL_BYTES, session.measure_journal)


def show_desk_metrics(metrics: Metrics, desk: OrderDesk, broker: PaperBroker) -> None:
    """Bind what the order desk and its broker hold."""
    metrics.sample_value(catalogue.ORDER_QUEUE, lambda: desk.pending_count)
    metrics.sample_value(catalogue.PAPER_ORDERS, lambda: broker.waiting_count)


def show_feed_metrics(metrics: Metrics, feed: KiteFeed) -> None:
    """Bind what the broker's feed counts."""

    def count_sockets() -> Iterable[Sample]:
        states = Counter(each.state for each in feed.status().wanted_sockets)
        return [((state.value,), states[state]) for state in SocketState]

    def list_ages() -> Iterable[Sample]:
        return [
            ((str(each.number),), each.frame_age_s)
            for each in feed.status().wanted_sockets
            if each.frame_age_s is not None
        ]

    def list_unknown() -> Iterable[Sample]:
        counts = feed.status().counts
        return [
            (("token",), counts.unknown_tokens),
            (("length",), counts.unknown_lengths),
            (("stamp",), counts.unstamped),
        ]

    metrics.sample(feed_metrics.FEED_SOCKETS, count_sockets)
    metrics.sample(feed_metrics.FEED_AGE, list_ages)
    metrics.sample(feed_metrics.FEED_UNKNOWN, list_unknown)
    metrics.sample(
        feed_metrics.FEED_FAULTS,
        lambda: [((fault.value,), count) for fault, count in feed.status().faults.items()],
    )
    metrics.sample_value(
        feed_metrics.FEED_INSTRUMENTS,
        lambda: sum(each.instruments for each in feed.status().sockets),
    )
    metrics.sample_value(feed_metrics.FEED_STALE, lambda: len(feed.status().stale))
    metrics.sample_value(
        feed_metrics.FEED_RECONNECTS, lambda: sum(each.reconnects for each in feed.status().sockets)
    )
    metrics.sample_value(feed_metrics.FEED_FRAMES, lambda: feed.status().counts.frames)
    metrics.sample_value(feed_metrics.FEED_QUEUE, lambda: feed.status().queued_ticks)
    metrics.sample_value(feed_metrics.FEED_DROPPED, lambda: feed.status().dropped_frames)
