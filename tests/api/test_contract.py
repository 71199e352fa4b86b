"""The running program against its own OpenAPI document, by schemathesis: all checks, stateful."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strikewire.auth.scopes import Role
from strikewire.bootstrap import SimulationRequest
from strikewire.store.jobs import JobStore
from tests.api.conftest import Service, make_database, serve
from tests.api.people import PASSWORD, add_user, bearer, issue_tokens, make_people_settings
from tests.unmeasured import UNMEASURED

pytestmark = pytest.mark.unmeasured

CONFIG = Path(__file__).with_name("contract.toml")
HOOKS = Path(__file__).with_name("contract_hooks.py")
#: Of all operations; what is left needs a state that a stranger cannot bring about.
REACHED_MIN = 0.9
#: What operations of options and futures have to be asked with.
OF_THE_MARKET = {"underlying": "NIFTY", "symbol": "NFO:NIFTY26NOVFUT"}

#: A leg of a strategy: a lot of that contract.
HELD = {"symbol": OF_THE_MARKET["symbol"], "quantity": 65}
#: An order for one.
ORDERED = HELD | {"side": "buy"}


@pytest.fixture
async def simulated(postgres_url, data_dirs):
    """Serve a simulated market: every operation has something to answer."""
    async with make_database(postgres_url) as url:
        settings = make_people_settings(
            url,
            data_dir=data_dirs(),
            simulated_strikes=2,
            # As long as the longest run.
            access_token_ttl_s=3_600,
        )
        async with serve(settings, SimulationRequest(speed=60.0)) as service:
            yield service


async def make_known(service, admin: dict[str, str]) -> dict[str, Any]:
    """Make people and a key, and return what of them each operation may be asked with."""
    users = {name: await add_user(service, name) for name in ("asha", "ben", "chen", "dev")}
    tokens = {name: await issue_tokens(service, name) for name in ("asha", "ben", "chen", "dev")}
    listed = await service.client.get(
        "/api/v1/auth/sessions", headers=bearer(tokens["asha"]["access_token"])
    )
    key = await service.client.post(
        "/api/v1/keys", json={"name": "a test", "user_id": users["asha"].id}, headers=admin
    )
    assert key.status_code == 201, key.text

    async def make_account(name: str) -> int:
        made = await service.client.post(
            "/api/v1/accounts", json={"name": name, "user_id": users["asha"].id}, headers=admin
        )
        assert made.status_code == 201, made.text
        return made.json()["id"]

    async def place_order() -> dict[str, Any]:
        made = await service.client.post("/api/v1/orders", json=order, headers=admin)
        assert made.status_code == 201, made.text
        return {"path": {"order_id": made.json()["id"]}}

    of_account = {"path": {"account_id": await make_account("a test")}}
    closed_id = await make_account("closed")
    # Behind those, whose numbers are not the first that somebody who guesses closes and halts.
    order = {
        "account_id": await make_account("orders"), "symbol": HELD["symbol"], "side": "buy",
        "type": "limit", "quantity": HELD["quantity"], "price": "1.00",
    }  # fmt: skip
    of_strategy = await make_strategies(service, admin)
    async with service.runtime.database.write() as session:
        job = await JobStore().add(session, "backfill", {}, [], requested_by="a test")
    rule = {"venue": "NFO", "kind": "lot_size", "valid_from": "2030-01-01"}
    content = {"source": "a test", "value": {"NIFTY": 65}}
    login = {"login": "asha", "password": PASSWORD}
    own = {"headers": bearer(tokens["asha"]["access_token"])}
    user, of_key = {"user_id": users["dev"].id}, {"path": {"key_id": key.json()["id"]}}
    rule_path = "/api/v1/market-rules/{venue}/{kind}/{valid_from}"
    document = (await service.client.get("/api/v1/openapi.json")).json()
    return {
        # Options and futures on what is played, and a contract of it.
        **{
            f"GET {path}": {"query": {each["name"]: OF_THE_MARKET[each["name"]]}}
            for path, operations in document["paths"].items()
            if path.startswith("/api/v1/fo/")
            for each in operations["get"]["parameters"]
            if each["required"]
        },
        "POST /api/v1/accounts": {"body": {"name": "another", "user_id": users["asha"].id}},
        "GET /api/v1/accounts/{account_id}": of_account,
        **{
            f"GET /api/v1/accounts/{{account_id}}/{name}": of_account
            for name in ("positions", "holdings", "trades", "funds")
        },
        "PATCH /api/v1/accounts/{account_id}": of_account | {"body": {"limits": {}}},
        "POST /api/v1/accounts/{account_id}/halt": of_account | {"body": {"reason": "a test"}},
        "POST /api/v1/accounts/{account_id}/resume": of_account,
        "POST /api/v1/accounts/{account_id}/close": {"path": {"account_id": closed_id}},
        # Everybody's would refuse every order behind it.
        "POST /api/v1/kill-switch": {"always": {"everybody": False, "user_id": users["ben"].id}},
        "POST /api/v1/orders/charges": {"body": {"orders": [ORDERED]}},
        "POST /api/v1/orders/margins": {"body": {"orders": [ORDERED]}},
        "POST /api/v1/orders": {"body": order},
        "POST /api/v1/orders/basket": {
            "body": {
                "account_id": order["account_id"],
                "legs": [{name: order[name] for name in order if name != "account_id"}],
            }
        },
        "GET /api/v1/orders/{order_id}": await place_order(),
        "PATCH /api/v1/orders/{order_id}": await place_order() | {"body": {"price": "1.05"}},
        "POST /api/v1/orders/{order_id}/cancel": await place_order(),
        "POST /api/v1/strategies/analysis": {"body": {"legs": [HELD], "grid": {}}},
        "POST /api/v1/strategies/templates/{name}": {
            "path": {"name": "long-straddle"},
            "body": {"underlying": OF_THE_MARKET["underlying"]},
        },
        **of_strategy,
        "POST /api/v1/auth/login": {"body": login},
        "POST /api/v1/auth/tokens": {"body": login},
        "POST /api/v1/auth/refresh": {"body": {"refresh_token": tokens["ben"]["refresh_token"]}},
        "GET /api/v1/auth/sessions": own,
        "DELETE /api/v1/auth/sessions/{session_id}": own
        | {"path": {"session_id": listed.json()["items"][0]["id"]}},
        # The admin's own login stays.
        "POST /api/v1/auth/logout": {"instead": f"Bearer {tokens['chen']['access_token']}"},
        "PUT /api/v1/auth/password": {
            "headers": bearer(tokens["dev"]["access_token"]),
            "body": {"current_password": PASSWORD, "new_password": f"{PASSWORD} again"},
        },
        "POST /api/v1/keys": {"body": {"name": "another", "user_id": users["asha"].id}},
        "GET /api/v1/jobs/{job_id}": {"path": {"job_id": job}},
        "GET /api/v1/keys/{key_id}": of_key,
        "PATCH /api/v1/keys/{key_id}": of_key | {"body": {"name": "renamed"}},
        "DELETE /api/v1/keys/{key_id}": of_key,
        "GET /api/v1/users/{user_id}": {"path": user},
        "PATCH /api/v1/users/{user_id}": {"path": user, "body": {"display_name": "Dev"}},
        "DELETE /api/v1/users/{user_id}": {"path": {"user_id": users["chen"].id}},
        "POST /api/v1/users/{user_id}/setup-link": {"path": user},
        f"PUT {rule_path}": {"path": rule, "body": content},
        f"DELETE {rule_path}": {"path": rule},
    }


_STRATEGY_PARTS = (
    "", "/alerts", "/analysis", "/entries", "/export", "/m2m", "/m2m/mark", "/orders", "/pnl",
)  # fmt: skip


async def make_strategies(service, admin: dict[str, str]) -> dict[str, Any]:
    """Make strategies with a leg, and return what of them each operation may be asked with."""
    entries = {"entries": [HELD | {"price": "26000.00"}]}

    async def make() -> tuple[int, int]:
        made = await service.client.post("/api/v1/strategies", json={"name": "held"}, headers=admin)
        path = made.headers["location"]
        entered = await service.client.post(f"{path}/entries", json=entries, headers=admin)
        assert entered.status_code == 201, entered.text
        return made.json()["id"], entered.json()["entries"][0]["id"]

    strategy_id, _ = await make()
    other_id, entry_id = await make()
    path, of_it = "/api/v1/strategies/{strategy_id}", {"path": {"strategy_id": strategy_id}}
    exported = await service.client.get(f"/api/v1/strategies/{strategy_id}/export", headers=admin)
    return {
        "POST /api/v1/strategies": {"body": {"name": "another"}},
        "POST /api/v1/strategies/import": {"body": exported.json()},
        **{f"GET {path}{part}": of_it for part in _STRATEGY_PARTS},
        f"PATCH {path}": of_it | {"body": {"revision": 1, "name": "renamed"}},
        f"POST {path}/entries": of_it | {"body": entries},
        f"POST {path}/entries/{{entry_id}}/reverse": {
            "path": {"strategy_id": other_id, "entry_id": entry_id},
            "body": {"note": "a test"},
        },
        f"POST {path}/positions": of_it | {"body": {"positions": [{"symbol": HELD["symbol"]}]}},
        f"POST {path}/archive": {"path": {"strategy_id": other_id}},
        f"POST {path}/restore": of_it,
    }


async def run_schemathesis(service: Service, folder: Path, *options: str) -> tuple[int, str]:
    """Run it as an administrator to its end; return its status and what it printed."""
    config = folder / "contract.toml"
    config.write_text(f'hooks = "{HOOKS}"\n\n{CONFIG.read_text()}')
    await add_user(service, "root", Role.ADMIN)
    admin = bearer((await issue_tokens(service, "root"))["access_token"])
    variables = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"}
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).parent / "schemathesis", "--config-file", config),
        *("run", f"{service.url}/api/v1/openapi.json", "--continue-on-failure", "--no-color"),
        *("--request-timeout", "20", "--report", "har"),
        *("--report-har-path", folder / "requests.har", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=variables
        | UNMEASURED
        | {
            "STRIKEWIRE_ADMIN": admin["Authorization"],
            "STRIKEWIRE_KNOWN": json.dumps(await make_known(service, admin)),
        },
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def iterate_answers(har: Path) -> Iterator[tuple[str, str, int]]:
    """Yield method, path and status of every request that was made."""
    for entry in json.loads(har.read_text())["log"]["entries"]:
        path = entry["request"]["url"].partition("://")[2].partition("/")[2].partition("?")[0]
        yield entry["request"]["method"], f"/{path}", entry["response"]["status"]


def find_operation(document, method: str, path: str) -> str | None:
    """Return the operation that a request was made to; a fixed path before a template."""
    parts = path.split("/")
    for template in sorted(document["paths"], key=lambda each: each.count("{")):
        wanted = template.split("/")
        fits = len(wanted) == len(parts) and all(
            each == part or each.startswith("{") for each, part in zip(wanted, parts, strict=True)
        )
        if fits:
            known = method.lower() in document["paths"][template]
            return f"{method} {template}" if known else None
    return None


async def hold_to_its_document(service, folder: Path, *options: str) -> None:
    status, said = await run_schemathesis(service, folder, *options)
    assert status == 0, said[-20_000:]

    document = (await service.client.get("/api/v1/openapi.json")).json()
    statuses = defaultdict(set)
    for method, path, answered in iterate_answers(folder / "requests.har"):
        statuses[find_operation(document, method, path)].add(answered)
    operations = {
        f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found
    }
    unreached = {each for each in operations if not any(s // 100 == 2 for s in statuses[each])}
    told = {each: statuses[each] for each in unreached}
    assert len(unreached) <= (1 - REACHED_MIN) * len(operations), "\n".join(map(str, told.items()))


async def test_program_does_what_its_document_says(simulated, tmp_path):
    await hold_to_its_document(
        simulated, tmp_path, "--max-examples", "5", "--generation-deterministic"
    )


@pytest.mark.soak
async def test_program_does_what_its_document_says_for_long(simulated, tmp_path, seed):
    await hold_to_its_document(
        simulated, tmp_path, "--max-time", "900", "--max-examples", "1000", "--seed", str(seed)
    )
