"""The broker of `strikewire demo --feed kite`: a fake one, beside the program and only for it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from strikewire.auth.audit import find_command_actor
from strikewire.core.errors import DependencyError, SettingsError
from strikewire.feeds.simulated import SimulationConfig
from strikewire.runtime import Runtime
from strikewire.settings import Settings, load_settings

_PACKAGE: Final = "strikewire_fakebroker"
_STOP_S: Final = 10.0
#: The market has been open for an hour: there is something to fill before it moves.
_BEGIN: Final = "10:15"


@dataclass(frozen=True, slots=True)
class FakeBroker:
    """A fake broker that listens.

    Parameters
    ----------
    settings : what makes a program hear it, by name.
    request_token : of a login that was begun.
    """

    settings: dict[str, Any]
    request_token: str

    async def log_in(self, runtime: Runtime) -> None:
        """Log in with it as somebody does each morning; once.

        Raises
        ------
        DependencyError : it does not answer, or the store does not.
        """
        assert runtime.broker_login is not None, "the settings hold its key"
        await runtime.broker_login.exchange(self.request_token, actor=find_command_actor())


@contextmanager
def open_fake_broker(*arguments: str) -> Iterator[FakeBroker]:
    """Run a fake broker until the block ends, in a process that also ends with this one.

    Parameters
    ----------
    arguments : of its command.

    Raises
    ------
    SettingsError : it is not installed.
    DependencyError : it does not start.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        msg = (
            f"the feed kite of a demo needs {_PACKAGE}, which comes with the source and not with "
            "an installed strikewire: run the demo in a checkout, or without --feed"
        )
        raise SettingsError(msg)
    process = subprocess.Popen(
        [sys.executable, "-m", _PACKAGE, "--until-eof", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A Ctrl-C is for the program: it has things to finish while the broker still answers.
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            msg = f"{_PACKAGE} did not start; what it says stands above"
            raise DependencyError(msg)
        told = json.loads(line)
        names = ("api_key", "api_secret", "rest_url", "login_url", "socket_url")
        known = {f"kite_{name}": told[name] for name in names}
        yield FakeBroker(
            known | {"kite_clock_offset_s": told["ahead_s"]}, request_token=told["request_token"]
        )
    finally:
        process.terminate()
        process.communicate(timeout=_STOP_S)


@contextmanager
def open_demo_broker(
    *, port: int | None, data_dir: Path | None, seed: int | None
) -> Iterator[tuple[Settings, FakeBroker]]:
    """Open a fake broker; gives it, and the settings of a program that hears it.

    What it hears is kept in `data_dir`, or until the end in a folder of its own: nothing of an
    invented market comes between what was heard of the real one, nor its login in the other's
    place.

    Raises
    ------
    SettingsError : there is no fake broker, or a database is set that others use too.
    DependencyError : the fake broker does not start.
    """
    given = load_settings(port=port, data_dir=data_dir, simulated_seed=seed)
    if given.database_url is not None:
        msg = "DATABASE_URL: a demo of the feed kite has a database of its own, unset it"
        raise SettingsError(msg)
    with ExitStack() as stack:
        day = SimulationConfig().start_day
        broker = stack.enter_context(
            open_fake_broker(
                *("--seed", str(given.simulated_seed)),
                *("--strikes", str(given.simulated_strikes)),
                *("--day", str(day), "--at", f"{day}T{_BEGIN}"),
            )
        )
        if data_dir is None:
            data_dir = Path(stack.enter_context(TemporaryDirectory(prefix="strikewire-demo-")))
            # The database may run as another user, who has to get through.
            data_dir.chmod(0o711)
        settings = load_settings(
            **broker.settings, port=port, data_dir=data_dir, demo_beside_users=True
        )
        yield settings, broker
