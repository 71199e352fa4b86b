"""All sockets: who is let in, what each is subscribed to, and what each is told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from strikewire_fakebroker.connection import TickerConnection
from strikewire_fakebroker.errors import ErrorType, RefusalError
from strikewire_fakebroker.faults import HalfOpen, Mute, Refuse, Stall
from strikewire_fakebroker.line import Line, TickFrame
from strikewire_fakebroker.packets import Mode, PacketTable
from strikewire_fakebroker.parts import BrokerParts

HEARTBEAT: Final = b"\x00"
#: While a client reads slower than the market is played, the market waits, but not for long: a
#: client that does not read at all is not waited for.
_PATIENCE_S: Final = 1.0
_UNREAD_BYTES: Final = 4 * 1024 * 1024
_POLL_S: Final = 0.002
#: Sockets that have ended, of which is remembered what they were.
_REMEMBERED: Final = 100
_MODES: Final = {"ltp": Mode.LTP, "quote": Mode.QUOTE, "full": Mode.FULL}


class Hub:
    """The broker's side of every socket.

    Parameters
    ----------
    parts : see `BrokerParts`.
    rng : of the faults.
    """

    def __init__(self, parts: BrokerParts, *, rng: np.random.Generator) -> None:
        self._config = parts.config
        self._contracts = parts.contracts
        self._board = parts.board
        self._logins = parts.logins
        self._counters = parts.counters
        self._faults = parts.faults
        self._line = Line(parts.faults, rng=rng)
        self._packets = PacketTable(parts.contracts)
        self._sockets: dict[int, TickerConnection] = {}
        self._ended: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._next_number = 1

    @property
    def instrument_count(self) -> int:
        """How many instruments there are."""
        return len(self._contracts.specs)

    @property
    def sockets(self) -> list[TickerConnection]:
        """The sockets that are open, the oldest first."""
        return list(self._sockets.values())

    # -- what a connection says -----------------------------------------------------------------

    def admit(self, api_key: str, access_token: str) -> None:
        """Let a handshake through.

        Raises
        ------
        RefusalError : no session, or as many sockets as the key may have.
        ConnectionRefusedError : there is to be no answer at all.
        """
        self._counters.events["handshakes"] += 1
        refuse = self._faults.find(Refuse)
        if refuse is not None:
            if refuse.status is None:
                raise ConnectionRefusedError
            raise RefusalError(ErrorType.NETWORK, "Switched on by a test.", status=refuse.status)
        self._logins.check(api_key, access_token)
        if len(self._sockets) >= self._config.sockets_per_key:
            raise RefusalError(ErrorType.NETWORK, "Too many connections.", status=429)

    def join(self, socket: TickerConnection) -> None:
        """Count a socket among the open ones."""
        socket.number = self._next_number
        self._next_number += 1
        self._sockets[socket.number] = socket
        self._counters.events["sockets"] += 1

    def leave(self, socket: TickerConnection) -> None:
        """Forget a socket, but what it was."""
        if self._sockets.pop(socket.number, None) is not None:
            self._ended.append(self._describe(socket))
            self._line.forget(socket.number)

    def is_half_open(self, number: int) -> bool:
        """Say whether a socket's broker is not there any more, without having said so."""
        return self._faults.find_of_socket(HalfOpen, number) is not None

    def hear(self, socket: TickerConnection, message: bytes) -> None:
        """Do what a client asks for; what cannot be understood is answered with an error text."""
        try:
            asked = json.loads(message)
            action, value = asked["a"], asked["v"]
            mode = _MODES[value[0]] if action == "mode" else None
            tokens = value[1] if action == "mode" else value
            rows = self._find_rows(tokens)
        except (ValueError, TypeError, LookupError):
            self._counters.events["requests_not_understood"] += 1
            socket.send_text(json.dumps({"type": "error", "data": "Invalid message"}))
            return
        self._counters.events[f"asked_{action}"] += 1
        if action == "subscribe":
            self._subscribe(socket, rows)
        elif action == "unsubscribe":
            socket.subscriptions.remove(rows)
        elif mode is not None:
            self._tell_socket(socket, socket.subscriptions.set_mode(rows, mode))

    # -- what the market says -------------------------------------------------------------------

    def prepare(self) -> None:
        """Have packets ready of all that stands on the board."""
        self._packets.patch(self._board, np.arange(self.instrument_count))

    def drop_all(self) -> list[int]:
        """Break every socket; return their numbers."""
        sockets = self.sockets
        for socket in sockets:
            socket.drop()
        return [socket.number for socket in sockets]

    def expire_all(self) -> int:
        """End every session, and the sockets that were opened with one; return how many."""
        count = self._logins.expire_all()
        self.drop_all()
        return count

    async def tell(self, rows: npt.NDArray[np.intp]) -> None:
        """Tell whoever is subscribed what has moved."""
        self._packets.patch(self._board, rows)
        for socket in self.sockets:
            self._tell_socket(socket, rows)
        await self._wait_for_readers()

    async def beat(self) -> None:
        """Send heartbeats to sockets that hear nothing else, until cancelled."""
        while True:
            await asyncio.sleep(self._config.heartbeat_s)
            for socket in self.sockets:
                mute = self._faults.find_of_socket(Mute, socket.number)
                if mute is not None and not mute.heartbeats:
                    continue
                if not socket.has_sent and socket.send(HEARTBEAT):
                    self._counters.events["heartbeats"] += 1
                socket.has_sent = False

    def describe(self) -> dict[str, Any]:
        """Return the sockets that are open and those that were, each with what it is told."""
        return {
            "open": [self._describe(socket) for socket in self.sockets],
            "ended": list(self._ended),
        }

    # -- inside ---------------------------------------------------------------------------------

    def _find_rows(self, tokens: list[int]) -> npt.NDArray[np.intp]:
        found = [self._contracts.find_row(int(token)) for token in tokens]
        rows = [row for row in found if row is not None]
        self._counters.events["unknown_tokens"] += len(found) - len(rows)
        return np.array(list(dict.fromkeys(rows)), np.intp)

    def _subscribe(self, socket: TickerConnection, rows: npt.NDArray[np.intp]) -> None:
        held = socket.subscriptions
        fresh = rows[held.modes[rows] == Mode.NONE]
        room = self._config.instruments_per_socket - len(held)
        if len(fresh) > room:
            self._counters.events["instruments_refused"] += len(fresh) - room
            text = f"at most {self._config.instruments_per_socket} instruments a connection"
            socket.send_text(json.dumps({"type": "error", "data": text}))
            fresh = fresh[:room]
        held.add(fresh)
        self._tell_socket(socket, fresh)

    def _tell_socket(self, socket: TickerConnection, rows: npt.NDArray[np.intp]) -> None:
        told, modes = socket.subscriptions.find_told(rows)
        is_known = self._board.states["event_ns"][told] > 0
        stall = self._faults.find(Stall)
        if stall is not None:
            is_known &= ~np.isin(self._contracts.tokens[told], stall.tokens)
        for part, frame in self._packets.cut_frames(
            told[is_known], modes[is_known], limit=self._config.packets_per_frame
        ):
            self._send(socket, TickFrame(part, frame))

    def _send(self, socket: TickerConnection, frame: TickFrame) -> None:
        events = self._counters.events
        if self._faults.find_of_socket(Mute, socket.number) is not None:
            events["frames_muted"] += 1
            return
        for arriving in self._line.pass_on(socket.number, frame):
            if not socket.send(arriving.payload):
                events["frames_unread"] += 1
                continue
            events["frames"] += 1
            events["bytes"] += len(arriving.payload)
            if arriving.is_whole:
                self._counters.ticks[arriving.rows] += 1
            else:
                events["packets_spoiled"] += len(arriving.rows)

    async def _wait_for_readers(self) -> None:
        waited_s = 0.0
        while waited_s < _PATIENCE_S and any(
            socket.unread_bytes > _UNREAD_BYTES and not self.is_half_open(socket.number)
            for socket in self.sockets
        ):
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S

    def _describe(self, socket: TickerConnection) -> dict[str, Any]:
        modes, tokens = socket.subscriptions.modes, self._contracts.tokens
        return {
            "number": socket.number,
            "subscribed": {name: tokens[modes == mode].tolist() for name, mode in _MODES.items()},
            "ever": tokens[socket.subscriptions.is_ever].tolist(),
        }
