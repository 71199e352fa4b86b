"""What can be made to go wrong, one switch each; docs/guides/fake-broker.md lists them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _SocketFault(_Fault):
    """Of these sockets, by number; of all, also those to come, without numbers."""

    sockets: tuple[int, ...] | None = None


class _FrameFault(_SocketFault):
    """Of each frame with this probability."""

    share: float = Field(default=1.0, gt=0, le=1)


class _CallFault(_Fault):
    """Of calls of these kinds, without kinds of all; so many times, without `times` for good."""

    kinds: tuple[str, ...] | None = None
    times: int | None = Field(default=None, gt=0)


class Refuse(_Fault):
    """Handshakes are reset, or answered with a status."""

    name: Literal["refuse"] = "refuse"
    status: int | None = Field(default=None, ge=400, le=599)


class Mute(_SocketFault):
    """Sockets stay up and say nothing, or nothing but heartbeats; pings are answered."""

    name: Literal["mute"] = "mute"
    heartbeats: bool = False


class HalfOpen(_SocketFault):
    """Sockets stay up, and nobody is there: nothing is heard, nothing answered, nothing said."""

    name: Literal["half_open"] = "half_open"


class Stall(_Fault):
    """Nothing is told of these tokens any more, while all else goes on."""

    name: Literal["stall"] = "stall"
    tokens: tuple[int, ...]


class Duplicate(_FrameFault):
    """Frames come twice."""

    name: Literal["duplicate"] = "duplicate"


class Reorder(_FrameFault):
    """Frames come behind the one that follows."""

    name: Literal["reorder"] = "reorder"


class Corrupt(_FrameFault):
    """Frames come with flipped bits, cut off, or with a wrong count or length in them."""

    name: Literal["corrupt"] = "corrupt"
    how: Literal["bits", "truncate", "count", "length"] = "truncate"


class Reject(_CallFault):
    """Calls are answered with an error, as the broker writes it."""

    name: Literal["reject"] = "reject"
    status: Literal[400, 403, 429, 500, 502, 503] = 503


class Silence(_CallFault):
    """Calls are carried out, and never answered."""

    name: Literal["silence"] = "silence"


class Slow(_CallFault):
    """Calls are answered after a while."""

    name: Literal["slow"] = "slow"
    delay_s: float = Field(gt=0)


class WrongLastCandle(_Fault):
    """Candles that ended less than so long ago are not right yet: see `spoil_candles`."""

    name: Literal["wrong_last_candle"] = "wrong_last_candle"
    settle_s: float = Field(default=60.0, gt=0)


Fault = Annotated[
    Refuse
    | Mute
    | HalfOpen
    | Stall
    | Duplicate
    | Reorder
    | Corrupt
    | Reject
    | Silence
    | Slow
    | WrongLastCandle,
    Field(discriminator="name"),
]
FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)

_F = TypeVar("_F", bound=_Fault)


class Faults:
    """The faults that are on: of each kind one, the one switched on last."""

    def __init__(self) -> None:
        self._on: dict[type[_Fault], _Fault] = {}
        self._left: dict[type[_Fault], int] = {}

    def switch_on(self, fault: Fault) -> None:
        """Switch a fault on, in place of another of its kind."""
        self._on[type(fault)] = fault
        self._left.pop(type(fault), None)
        if isinstance(fault, _CallFault) and fault.times is not None:
            self._left[type(fault)] = fault.times

    def switch_off(self, name: str | None = None) -> None:
        """Switch a fault off by name, or all of them; one that is off stays off."""
        for kind, fault in list(self._on.items()):
            if name is None or fault.model_dump()["name"] == name:
                del self._on[kind]

    def describe(self) -> list[dict[str, Any]]:
        """Return the faults that are on."""
        return [fault.model_dump() for fault in self._on.values()]

    def find(self, kind: type[_F]) -> _F | None:
        """Return the fault of a kind, if it is on."""
        found = self._on.get(kind)
        return found if isinstance(found, kind) else None

    def find_of_socket(self, kind: type[_SF], number: int) -> _SF | None:
        """Return the fault of a kind, if it is on for a socket."""
        found = self.find(kind)
        if found is None or (found.sockets is not None and number not in found.sockets):
            return None
        return found

    def take_of_call(self, kind: type[_CF], call: str) -> _CF | None:
        """Return the fault of a kind, if it is on for a call, and count it off."""
        found = self.find(kind)
        if found is None or (found.kinds is not None and call not in found.kinds):
            return None
        if kind in self._left:
            self._left[kind] -= 1
            if not self._left[kind]:
                del self._left[kind], self._on[kind]
        return found


_SF = TypeVar("_SF", bound=_SocketFault)
_CF = TypeVar("_CF", bound=_CallFault)
