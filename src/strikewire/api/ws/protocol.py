"""What is said on a socket, without the socket: requests from text, messages to text."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from strikewire.api.bar_formats import name_statuses
from strikewire.api.errors import Failure
from strikewire.api.market_format import describe_market
from strikewire.core.bars import Timeframe
from strikewire.core.errors import MalformedRequestError
from strikewire.core.instants import format_rfc3339
from strikewire.live.bar_topic import BarTopic, Delta, Snapshot
from strikewire.live.market_status import MarketStatus

_NUMBERS: Final = ("open", "high", "low", "close", "volume", "oi")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    #: Comes back with the answer.
    id: Annotated[str, Field(max_length=64)] | int | None = None


class _TopicRequest(_Request):
    symbol: str = Field(min_length=1, max_length=64)
    timeframe: Annotated[Timeframe, Field(strict=False)] = Timeframe.M1


class Subscribe(_TopicRequest):
    """Listen to a topic: from a snapshot, or from behind the last message that was seen."""

    action: Literal["subscribe"]
    epoch: str | None = Field(default=None, max_length=64)
    seq: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check_pair(self) -> Subscribe:
        if (self.epoch is None) != (self.seq is None):
            msg = "epoch and seq are given together, or not at all"
            raise ValueError(msg)
        return self

    @property
    def seen(self) -> tuple[str, int] | None:
        """The last message that was seen."""
        return None if self.epoch is None or self.seq is None else (self.epoch, self.seq)


class Unsubscribe(_TopicRequest):
    """Listen no longer."""

    action: Literal["unsubscribe"]


class Ping(_Request):
    """Answer, to show that somebody is there."""

    action: Literal["ping"]


Request = Subscribe | Unsubscribe | Ping
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(
    Annotated[Request, Field(discriminator="action")]
)


def parse_request(text: str) -> Request:
    """Read one message of a client.

    Raises
    ------
    MalformedRequestError : it is no JSON object.
    ValidationError : it is one that asks for nothing we know.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        msg = "the message is not valid JSON"
        raise MalformedRequestError(msg, reason=str(error)) from error
    if not isinstance(body, dict):
        msg = f"a JSON object was wanted, found {type(body).__name__}"
        raise MalformedRequestError(msg)
    return _REQUESTS.validate_python(body)


def find_request_id(text: str) -> str | int | None:
    """Return the id of a message that could not be read as a request, if it has one."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    number = found.get("id") if isinstance(found, dict) else None
    return number if isinstance(number, str | int) else None


def encode_welcome(*, heartbeat_s: float, version: str) -> str:
    """Write the first message of every socket."""
    return _encode({"type": "welcome", "version": version, "heartbeat_s": heartbeat_s})


def encode_snapshot(snapshot: Snapshot, *, request_id: str | int | None = None) -> str:
    """Write a topic's last bars: forget what came before."""
    bars = snapshot.bars
    return _encode(
        {
            **_describe(snapshot),
            "type": "snapshot",
            "recovered": False,
            "bars": _describe_bars(bars, snapshot.is_forming),
        },
        request_id,
    )


def encode_resumed(
    topic: BarTopic, *, missed_count: int, request_id: str | int | None = None
) -> str:
    """Write that what was missed follows, all of it."""
    return _encode(
        {
            "type": "resumed", "epoch": topic.epoch, "topic": topic.name, "seq": topic.seq,
            "symbol": topic.instrument.symbol, "timeframe": topic.timeframe,
            "recovered": True, "missed": missed_count,
        },
        request_id,
    )  # fmt: skip


def encode_delta(delta: Delta) -> str:
    """Write one bar."""
    (bar,) = _describe_bars(delta.bar, np.array([delta.is_forming]))
    return _encode({**_describe(delta), "type": "bar", "bar": bar})


def encode_status(status: MarketStatus) -> str:
    """Write how the market is, as `/api/v1/market` says it."""
    return _encode({"type": "status", **describe_market(status)})


def encode_answer(kind: str, request_id: str | int | None = None, **fields: Any) -> str:
    """Write a message of a kind without bars: `pong`, `unsubscribed`, `heartbeat`, `shutdown`."""
    return _encode({"type": kind, **fields}, request_id)


def encode_error(failure: Failure, *, request_id: str | int | None = None) -> str:
    """Write why a request was not done, in the words that REST would use."""
    return _encode(
        {
            "type": "error", "code": failure.code, "message": failure.message,
            "details": failure.details,
        },
        request_id,
    )  # fmt: skip


def format_as_of(as_of_ns: int) -> str | None:
    """Write an exchange time; 0 is that of nothing."""
    return format_rfc3339(as_of_ns) if as_of_ns else None


def _describe(known: Snapshot | Delta) -> dict[str, Any]:
    return {
        "type": "",
        "epoch": known.epoch,
        "topic": known.topic.name,
        "seq": known.seq,
        "as_of": format_as_of(known.as_of_ns),
        "symbol": known.topic.instrument.symbol,
        "timeframe": known.topic.timeframe,
    }


def _describe_bars(
    bars: npt.NDArray[np.void], is_forming: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    rows = zip(
        bars["ts_ns"].tolist(), *(bars[name].tolist() for name in _NUMBERS),
        name_statuses(bars), is_forming.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        {
            "ts": format_rfc3339(ts_ns), "open": o, "high": h, "low": lo, "close": c,
            "volume": volume, "oi": oi, "status": status, "is_forming": forming,
        }
        for ts_ns, o, h, lo, c, volume, oi, status, forming in rows
    ]  # fmt: skip


def _encode(body: dict[str, Any], request_id: str | int | None = None) -> str:
    if request_id is not None:
        body["id"] = request_id
    return orjson.dumps(body, default=str).decode()
