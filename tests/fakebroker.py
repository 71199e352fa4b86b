"""The fake broker in tests: a process that begins anew for each of them, and its controls.

Its market stands at its first tick (2026-11-16, the open) until the test moves it, by
`fake_broker.advance(60)`, or begins anew: `fake_broker.reset(rate=60.0, at=...)`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.clients import open_sync_client

API_KEY = "fakekey"
API_SECRET = "fakesecret"


class BrokerControls:
    """A fake broker, from outside.

    Attributes
    ----------
    rest_url, socket_url : where it is spoken to.
    """

    def __init__(self, rest_url: str, socket_url: str) -> None:
        self.rest_url = rest_url
        self.socket_url = socket_url
        self.login_url = f"{rest_url}/connect/login"
        self._http = open_sync_client(rest_url, timeout=60)

    def reset(
        self,
        *,
        at: str | None = None,
        rate: float | None = None,
        limits: dict[str, float] | None = None,
        has_expired_candles: bool | None = None,
    ) -> None:
        """Begin anew at an instant of the market (RFC 3339), at a rate; None is as started.

        `limits` are calls a second by kind: `quote`, `historical`, `other`.
        """
        self._tell(
            "reset",
            at=at,
            rate=rate,
            limits=limits or {},
            has_expired_candles=has_expired_candles,
        )

    def log_in(self) -> str:
        """Log in as a person and an application do together; return the access token."""
        request_token = self.begin_login()
        text = f"{API_KEY}{request_token}{API_SECRET}"
        answer = self._http.post(
            "/session/token",
            data={
                "api_key": API_KEY,
                "request_token": request_token,
                "checksum": hashlib.sha256(text.encode()).hexdigest(),
            },
            headers={"X-Kite-Version": "3"},
        )
        answer.raise_for_status()
        return answer.json()["data"]["access_token"]

    def begin_login(self) -> str:
        """Log in as a person does; return the request token the redirect carries."""
        answer = self._http.get("/connect/login", params={"v": 3, "api_key": API_KEY})
        assert answer.status_code == httpx.codes.FOUND, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["request_token"][0]

    def advance(self, seconds: float) -> int:
        """Move the market's time on, and return it when all of it has been told, nanoseconds."""
        return self._tell("time", advance_s=seconds)["now_ns"]

    def run(self, rate: float) -> None:
        """Let the market's time run so many times as fast as real time; 0 stands."""
        self._tell("time", rate=rate)

    def now_ns(self) -> int:
        """Return the market's time."""
        return self._ask("time")["now_ns"]

    def tokens(self) -> dict[str, int]:
        """Return the token of each listed instrument, by symbol."""
        return self._ask("market")["tokens"]

    def sockets(self) -> list[dict[str, Any]]:
        """Return the open sockets: `number`, `subscribed` tokens by mode, tokens `ever`."""
        return self._ask("sockets")["open"]

    def ended_sockets(self) -> list[dict[str, Any]]:
        """Return the sockets that have ended, the last hundred of them."""
        return self._ask("sockets")["ended"]

    def counters(self) -> dict[str, Any]:
        """Return `requests` by kind and second, `sockets` by event, `ticks` sent by token."""
        return self._ask("counters")

    def drop(self, *sockets: int, code: int | None = None) -> list[int]:
        """Break sockets by number, all of them without one; with a code close them properly."""
        return self._tell("drop", sockets=list(sockets) or None, code=code)["dropped"]

    def send_text(self, text: str) -> None:
        """Send a text frame to every socket."""
        self._tell("texts", text=text)

    def expire(self) -> int:
        """End every session and every socket, as each morning does."""
        return self._tell("expire")["expired"]

    def switch_on(self, name: str, **fault: Any) -> None:
        """Switch a fault on (docs/guides/fake-broker.md), in place of another of its name."""
        self._tell("faults", name=name, **fault)

    def switch_off(self, name: str | None = None) -> None:
        """Switch a fault off, or all of them."""
        path = "/control/faults" if name is None else f"/control/faults/{name}"
        self._http.delete(path).raise_for_status()

    def candles(
        self, token: int, from_time: str, to_time: str, *, interval: str = "minute"
    ) -> list[list[Any]]:
        """Return what the historical API has, `YYYY-MM-DD HH:MM:SS` IST, at the price of a login.

        Each candle is its time, open, high, low, close, volume and open interest.
        """
        answer = self._http.get(
            f"/instruments/historical/{token}/{interval}",
            params={"from": from_time, "to": to_time, "continuous": 0, "oi": 1},
            headers=self.headers(self.log_in()),
        )
        answer.raise_for_status()
        return answer.json()["data"]["candles"]

    def headers(self, access_token: str) -> dict[str, str]:
        """Return what a call is made with."""
        return {"X-Kite-Version": "3", "Authorization": f"token {API_KEY}:{access_token}"}

    def close(self) -> None:
        """Let go of the connection to the controls."""
        self._http.close()

    def _ask(self, what: str) -> Any:
        answer = self._http.get(f"/control/{what}")
        answer.raise_for_status()
        return answer.json()

    def _tell(self, what: str, **body: Any) -> Any:
        answer = self._http.post(f"/control/{what}", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


def make_broker_settings(broker: BrokerControls) -> dict[str, str]:
    """Return the settings that lead to a fake broker."""
    return {
        "kite_api_key": API_KEY,
        "kite_api_secret": API_SECRET,
        "kite_rest_url": broker.rest_url,
        "kite_login_url": broker.login_url,
        "kite_socket_url": broker.socket_url,
    }


@contextmanager
def run_broker(*arguments: str) -> Iterator[BrokerControls]:
    """Run a fake broker in a process of its own, with the command's arguments."""
    process = subprocess.Popen(
        [sys.executable, "-m", "strikewire_fakebroker", "--until-eof", *arguments],
        env=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        controls = BrokerControls(told["rest_url"], told["socket_url"])
        yield controls
        controls.close()
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def broker_process() -> Iterator[BrokerControls]:
    with run_broker("--rate", "0", "--heartbeat-s", "0.25") as controls:
        yield controls


@pytest.fixture
def fake_broker(broker_process) -> BrokerControls:
    broker_process.reset()
    return broker_process
