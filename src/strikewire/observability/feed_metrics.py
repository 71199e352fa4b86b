"""The catalogue of metrics, of a broker's feed; a part of `metrics`."""

from __future__ import annotations

from typing import Final

from strikewire.observability.metric_families import SampledFamily

FEED_SOCKETS: Final = SampledFamily(
    "strikewire_feed_sockets", "Connections to the broker of which anything is wanted.", "gauge",
    ("state",),
)  # fmt: skip
FEED_INSTRUMENTS: Final = SampledFamily(
    "strikewire_feed_instruments", "Instruments that the broker is asked to stream.", "gauge"
)
FEED_STALE: Final = SampledFamily(
    "strikewire_feed_stale_instruments",
    "Instruments that are silent for too long while their market is open.",
    "gauge",
)
FEED_AGE: Final = SampledFamily(
    "strikewire_feed_frame_age_seconds",
    "Seconds since a connection brought anything, if only a heartbeat; none while it is not up.",
    "gauge",
    ("socket",),
)
FEED_RECONNECTS: Final = SampledFamily(
    "strikewire_feed_reconnects", "Times that connections to the broker were opened again.",
    "counter",
)  # fmt: skip
FEED_FRAMES: Final = SampledFamily(
    "strikewire_feed_frames", "Binary frames of the broker, heartbeats too.", "counter"
)
FEED_FAULTS: Final = SampledFamily(
    "strikewire_feed_faulty_frames", "Frames of the broker that were not believed.", "counter",
    ("fault",),
)  # fmt: skip
FEED_UNKNOWN: Final = SampledFamily(
    "strikewire_feed_unknown_packets",
    "Packets of the broker in frames that were believed, and not in themselves.",
    "counter",
    ("unknown",),
)
FEED_QUEUE: Final = SampledFamily(
    "strikewire_feed_queue_ticks", "Ticks that wait for the engine.", "gauge"
)
FEED_DROPPED: Final = SampledFamily(
    "strikewire_feed_dropped_frames",
    "Frames that waited for too long: the oldest go, and a gap is recorded.",
    "counter",
)

#: All of them.
FEED_FAMILIES: Final = (
    FEED_SOCKETS, FEED_INSTRUMENTS, FEED_STALE, FEED_AGE, FEED_RECONNECTS, FEED_FRAMES, FEED_FAULTS,
    FEED_UNKNOWN, FEED_QUEUE, FEED_DROPPED,
)  # fmt: skip
