"""Another user's object is not there: every operation with a path parameter, every verb (S2, S3).

Made from the OpenAPI document. A path parameter that is added needs a line in `OWNERSHIP`: whose
object it names, and how somebody comes by one.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from strikewire.auth.scopes import Role
from strikewire.bootstrap import ReplayRequest
from strikewire.store.instruments import InstrumentStore
from strikewire.stream import topics
from tests.api.conftest import SPECS, Service, make_database, serve
from tests.api.people import add_user, browse, make_people_settings

VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

#: What everybody may see who has the scope, because it belongs to nobody.
SHARED: Final = "shared"


@dataclass(frozen=True)
class Owned:
    """What belongs to one user.

    Parameters
    ----------
    make : makes an object of the client's user, and returns its id.
    missing : an id that nothing has.
    list_path : where a user's own are listed.
    bodies : what a verb has to bring to be understood.
    """

    make: Callable[[httpx.AsyncClient], Awaitable[str]]
    missing: str
    list_path: str
    bodies: dict[str, dict[str, object]]


@dataclass(frozen=True)
class Reserved:
    """What administrators alone may see; to everybody else it makes no difference what is there.

    Parameters
    ----------
    missing : an id that nothing has.
    """

    missing: str


async def make_key(client):
    answer = await client.post("/api/v1/keys", json={"name": "robot"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def find_session(client):
    return (await client.get("/api/v1/auth/me")).json()["session_id"]


KEY = Owned(make_key, "nosuchkey123", "/api/v1/keys", {"PATCH": {"name": "mine now"}})
SESSION = Owned(find_session, str(uuid.UUID(int=7)), "/api/v1/auth/sessions", {})
USER = Reserved("2000000")


async def make_account(client):
    answer = await client.post("/api/v1/accounts", json={"name": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def own_account(**bodies):
    return Owned(make_account, "2000000", "/api/v1/accounts?include_closed=true", bodies)


ACCOUNT = own_account(PATCH={"limits": {"max_open_quantity": 50}})


async def make_strategy(client):
    answer = await client.post("/api/v1/strategies", json={"name": "condor"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def make_trading_strategy(client):
    body = {"name": "condor", "account_id": int(await make_account(client))}
    answer = await client.post("/api/v1/strategies", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def make_order(client):
    body = ORDERED | {"account_id": int(await make_account(client))}
    answer = await client.post("/api/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def make_entry(client):
    strategy_id = await make_strategy(client)
    answer = await client.post(f"/api/v1/strategies/{strategy_id}/entries", json=ENTERED)
    assert answer.status_code == 201, answer.text
    return f"{strategy_id}/{answer.json()['entries'][0]['id']}"


def own_strategy(**bodies):
    return Owned(make_strategy, "2000000", "/api/v1/strategies?state=any", bodies)


ENTERED = {"entries": [{"symbol": "BANKNIFTY-I", "quantity": 25, "price": "1"}]}
STRATEGY = own_strategy(PATCH={"name": "mine now", "revision": 1})
#: Of the strategy that comes first in its path.
ENTRY = Owned(make_entry, "2000000/2000000", "/api/v1/strategies?state=any", {"POST": {}})
STRATEGIES = "/api/v1/strategies/{strategy_id}"
#: Something that can be ordered while the market is heard, and is never traded.
SHARE = SPECS[3]
ORDERED = {
    "symbol": SHARE.symbol, "side": "buy", "type": "limit", "price": "100.00", "quantity": 1,
}  # fmt: skip
ORDER = Owned(make_order, "2000000", "/api/v1/orders", {"PATCH": {"quantity": 2}})
TRADING = Owned(make_trading_strategy, "2000000", "/api/v1/strategies?state=any", {"POST": ORDERED})

#: Whose object each path parameter names.
OWNERSHIP = {
    ("/api/v1/accounts/{account_id}", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/close", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/funds", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/halt", "account_id"): own_account(POST={"reason": "a test"}),
    ("/api/v1/accounts/{account_id}/holdings", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/positions", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/resume", "account_id"): ACCOUNT,
    ("/api/v1/accounts/{account_id}/trades", "account_id"): ACCOUNT,
    ("/api/v1/auth/sessions/{session_id}", "session_id"): SESSION,
    ("/api/v1/instruments/{symbol}", "symbol"): SHARED,
    ("/api/v1/jobs/{job_id}", "job_id"): SHARED,
    ("/api/v1/jobs/{job_id}/cancel", "job_id"): SHARED,
    ("/api/v1/keys/{key_id}", "key_id"): KEY,
    ("/api/v1/market-rules/{venue}/{kind}/{valid_from}", "venue"): SHARED,
    ("/api/v1/market-rules/{venue}/{kind}/{valid_from}", "kind"): SHARED,
    ("/api/v1/market-rules/{venue}/{kind}/{valid_from}", "valid_from"): SHARED,
    ("/api/v1/orders/{order_id}", "order_id"): ORDER,
    ("/api/v1/orders/{order_id}/cancel", "order_id"): ORDER,
    ("/api/v1/strategies/templates/{name}", "name"): SHARED,
    (STRATEGIES, "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/alerts", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/analysis", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/archive", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/entries", "strategy_id"): own_strategy(POST=ENTERED),
    (f"{STRATEGIES}/entries/{{entry_id}}/reverse", "strategy_id"): ENTRY,
    (f"{STRATEGIES}/entries/{{entry_id}}/reverse", "entry_id"): ENTRY,
    (f"{STRATEGIES}/export", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/orders", "strategy_id"): TRADING,
    (f"{STRATEGIES}/m2m", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/m2m/mark", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/pnl", "strategy_id"): STRATEGY,
    (f"{STRATEGIES}/positions", "strategy_id"): own_strategy(
        POST={"positions": [{"symbol": "BANKNIFTY-I"}]}
    ),
    (f"{STRATEGIES}/restore", "strategy_id"): STRATEGY,
    ("/api/v1/users/{user_id}", "user_id"): USER,
    ("/api/v1/users/{user_id}/setup-link", "user_id"): USER,
}

#: Whose things the topics of each kind tell of.
TOPICS = {
    "bars": SHARED,
    "chain": SHARED,
    "market": SHARED,
    "monitor": SHARED,
    "orders": ACCOUNT,
    "strategy": STRATEGY,
    "strategies": USER,
}

OWNED_PATHS = sorted({path for (path, _), kind in OWNERSHIP.items() if isinstance(kind, Owned)})
RESERVED_PATHS = sorted(path for (path, _), kind in OWNERSHIP.items() if isinstance(kind, Reserved))


@dataclass(frozen=True)
class Pair:
    """Two users who are signed in, and what the second one's id is."""

    service: Service
    asha: httpx.AsyncClient
    bela: httpx.AsyncClient
    bela_id: int


@pytest.fixture(scope="module")
async def pair(postgres_url, recording, data_dirs):
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(make_database(postgres_url))
        settings = make_people_settings(url, data_dir=data_dirs())
        # Orders are placed while a market is heard.
        playing = serve(settings, replay=ReplayRequest(path=recording, speed=1.0))
        service = await stack.enter_async_context(playing)
        async with service.runtime.database.write() as session:
            await InstrumentStore().upsert(session, SPECS)
        await add_user(service, "asha", Role.TRADER)
        bela = await add_user(service, "bela", Role.TRADER)
        clients = [
            await stack.enter_async_context(browse(service, login)) for login in ("asha", "bela")
        ]
        yield Pair(service, *clients, bela.id)


def list_operations(document):
    """Return the verbs that each path with parameters answers."""
    return {
        path: {verb.upper() for verb in operations}
        for path, operations in document["paths"].items()
        if "{" in path
    }


def fill(path, value):
    """Name an object in a path: of two parameters each by its part."""
    parts = iter(value.split("/"))
    return re.sub(r"\{\w+\}", lambda _: next(parts), path)


async def ask(client, verb, path, bodies):
    return await client.request(verb, path, json=bodies.get(verb))


def tell(answer, value):
    """Return all that an answer tells, but for what is another each time."""
    error = answer.json()["error"]
    ids = re.compile("|".join(rf"\b{re.escape(part)}\b" for part in value.split("/")))
    told = (ids.sub("ID", str(error[name])) for name in ("message", "details"))
    return (answer.status_code, error["code"], *told)


@pytest.mark.promise("S2")
async def test_every_path_parameter_says_whose_object_it_names(document):
    found = {
        (path, parameter)
        for path in list_operations(document)
        for parameter in re.findall(r"\{(\w+)\}", path)
    }

    assert found == set(OWNERSHIP)


@pytest.mark.promise("S2")
@pytest.mark.parametrize("path", OWNED_PATHS)
async def test_object_of_another_user_is_missing_for_every_verb(pair, document, path):
    declared = list_operations(document)[path]
    kind = next(each for (owned, _), each in OWNERSHIP.items() if owned == path)
    theirs = await kind.make(pair.bela)

    for verb in VERBS:
        refused = await ask(pair.asha, verb, fill(path, theirs), kind.bodies)
        missing = await ask(pair.asha, verb, fill(path, kind.missing), kind.bodies)
        assert tell(refused, theirs) == tell(missing, kind.missing)
        assert refused.status_code == (404 if verb in declared else 405)
    # Nothing has happened to it, and its owner is not told the same.
    listed = (await pair.bela.get(kind.list_path)).text
    assert theirs.partition("/")[0] in listed
    for verb in sorted(declared):
        async with browse(pair.service, "bela") as bela:
            own = await ask(bela, verb, fill(path, await kind.make(bela)), kind.bodies)
        # There may be nothing to tell of it yet.
        assert own.status_code < 300 or own.json()["error"]["code"] == "conflict", own.text


@pytest.mark.promise("S2")
@pytest.mark.parametrize("path", RESERVED_PATHS)
async def test_what_is_reserved_is_refused_alike_whether_it_is_there_or_not(pair, document, path):
    there, missing = str(pair.bela_id), USER.missing

    for verb in list_operations(document)[path]:
        body = {verb: {"display_name": "x"}}
        found = await ask(pair.asha, verb, fill(path, there), body)
        nothing = await ask(pair.asha, verb, fill(path, missing), body)
        assert tell(found, there) == tell(nothing, missing)
        assert found.status_code == 403


@pytest.mark.promise("S3")
@pytest.mark.parametrize("kind", [KEY, SESSION], ids=["keys", "sessions"])
async def test_list_shows_nothing_of_another_user(pair, kind):
    async with browse(pair.service, "bela") as bela:
        theirs = await kind.make(bela)
        own = await kind.make(pair.asha)
        listed = (await pair.asha.get(kind.list_path)).text

    assert own in listed
    assert theirs not in listed


@pytest.mark.promise("S3")
def test_every_kind_of_topic_says_whose_things_it_tells_of():
    assert set(TOPICS) == set(topics.KINDS)
