"""What is said on a socket, without the socket: requests from bytes, messages as bodies."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

import msgpack
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from strikewire.api.errors import Failure
from strikewire.core.bars import Timeframe
from strikewire.core.errors import MalformedRequestError
from strikewire.stream.channel import Beginning, Channel
from strikewire.stream.message import Encoding, Message
from strikewire.stream.topics import MAX_NAME

RequestId = str | int | None


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    #: Comes back with the answer.
    id: Annotated[str, Field(max_length=64)] | int | None = None


class _TopicRequest(_Request):
    topic: str | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    symbol: str | None = Field(default=None, min_length=1, max_length=64)
    timeframe: Annotated[Timeframe, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _check_topic(self) -> Self:
        if (self.topic is None) == (self.symbol is None):
            msg = "a topic was wanted, or a symbol and its timeframe"
            raise ValueError(msg)
        if self.topic is not None and self.timeframe is not None:
            msg = "a timeframe goes with a symbol, a topic has its own"
            raise ValueError(msg)
        return self

    @property
    def topic_name(self) -> str:
        """The topic's name: of a symbol and a timeframe, that of its bars."""
        if self.topic is not None:
            return self.topic
        return f"bars:{self.symbol}:{(self.timeframe or Timeframe.M1).value}"


class Subscribe(_TopicRequest):
    """Listen to a topic: from a snapshot, or from behind the last message that was seen."""

    action: Literal["subscribe"]
    epoch: str | None = Field(default=None, max_length=64)
    seq: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
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


class Authenticate(_Request):
    """Say who is there, as the first message of a socket whose handshake could not."""

    action: Literal["authenticate"]
    token: str | None = Field(default=None, max_length=8_192, repr=False)
    api_key: str | None = Field(default=None, max_length=256, repr=False)
    ticket: str | None = Field(default=None, max_length=128, repr=False)

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if [self.token, self.api_key, self.ticket].count(None) != 2:
            msg = "one of token, api_key and ticket is given"
            raise ValueError(msg)
        return self


class Ping(_Request):
    """Answer, to show that somebody is there."""

    action: Literal["ping"]


Request = Authenticate | Subscribe | Unsubscribe | Ping
REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(
    Annotated[Request, Field(discriminator="action")]
)


def find_encoding(asked: str | None) -> Encoding:
    """Return how a client wants its messages, by the `encoding` of its socket's query."""
    return Encoding.MSGPACK if asked == Encoding.MSGPACK.label else Encoding.JSON


def decode_body(data: str | bytes, encoding: Encoding) -> dict[str, Any]:
    """Read one message of a client, of which nothing is believed yet.

    Raises
    ------
    MalformedRequestError : it is no object in that encoding.
    """
    try:
        if encoding is Encoding.JSON:
            body = orjson.loads(data)
        else:
            assert isinstance(data, bytes)
            body = msgpack.unpackb(data)
    except (orjson.JSONDecodeError, ValueError, msgpack.UnpackException) as error:
        msg = f"the message is not valid {encoding.label}"
        raise MalformedRequestError(msg, reason=str(error)) from error
    if not isinstance(body, dict):
        msg = f"an object was wanted, found {type(body).__name__}"
        raise MalformedRequestError(msg)
    return body


def parse_request(body: dict[str, Any]) -> Request:
    """Read what a client wants.

    Raises
    ------
    ValidationError : it asks for nothing we know.
    """
    return REQUESTS.validate_python(body)


def find_request_id(body: dict[str, Any]) -> RequestId:
    """Return the id of a message that could not be read as a request, if it has one."""
    number = body.get("id")
    return number if isinstance(number, str | int) else None


def make_message(kind: str, request_id: RequestId = None, **fields: Any) -> Message:
    """Make a message without a topic: `welcome`, `pong`, `unsubscribed`, `shutdown`, ..."""
    body = {"type": kind, **fields}
    return Message(lambda: _identify(body, request_id))


def make_error(failure: Failure, request_id: RequestId = None) -> Message:
    """Make the message that says why a request was not done, in the words that REST would use."""
    return make_message(
        "error", request_id,
        code=failure.code, message=failure.message, details=failure.details,
    )  # fmt: skip


def make_beginning(
    channel: Channel, beginning: Beginning, request_id: RequestId = None
) -> list[Message]:
    """Make what a subscription begins with: a snapshot, or `resumed` and all that was missed."""
    if beginning.is_recovered:
        body = {
            **channel.make_envelope("resumed"),
            "recovered": True,
            "missed": beginning.event_count,
        }
        return [Message(lambda: _identify(body, request_id)), *beginning.messages]
    if request_id is None:
        return beginning.messages
    first, *others = beginning.messages
    return [Message(lambda: _identify(first.body, request_id)), *others]


def _identify(body: Any, request_id: RequestId) -> dict[str, Any]:
    return body if request_id is None else {**body, "id": request_id}
