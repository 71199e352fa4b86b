"""Strategies that are kept, over a server with users and one recorded session."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import httpx
import numpy as np
import pytest

from strikewire.core.instants import MINUTE_NS, format_rfc3339
from strikewire.core.instruments import InstrumentKind, InstrumentSpec
from strikewire.core.money import Paise
from strikewire.core.orders import MarketMoment, StrategyId
from strikewire.core.strategies import AlertKind, StrategyAlert
from strikewire.store.bars import BarStore
from strikewire.store.desk_ledgers import StrategyAlertStore
from strikewire.store.instruments import InstrumentStore
from tests.api.conftest import OPEN_NS, make_bars, store_session
from tests.api.desks import MASTER, Desk, open_desk, show
from tests.api.fills import fill_order
from tests.clients import open_client

PATH = "/api/v1/strategies"
FUTURE = "NFO:BANKNIFTY-I"
#: Over since 2023-01-05, when its underlying stood near 43,000.
CALL = InstrumentSpec(
    "NFO", "BANKNIFTY2310542000CE", InstrumentKind.CALL, underlying="BANKNIFTY",
    expiry=date(2023, 1, 5), strike=42_000.0, lot_size=25,
)  # fmt: skip
EXPIRY_OFFSET = 6
#: Of a venue that has no market rules.
THING = InstrumentSpec("XYZ", "THING", InstrumentKind.EQUITY)
#: A minute of the session that is over, and its start.
AT_NS = OPEN_NS + 100 * MINUTE_NS
AT = format_rfc3339(AT_NS)


@dataclass(frozen=True)
class Floor:
    """A desk, and clients of the people at it."""

    desk: Desk
    clients: dict[str, httpx.AsyncClient]

    @property
    def asha(self):
        return self.clients["asha"]

    async def make(self, **given):
        answer = await self.asha.post(PATH, json={"name": "Condor", **given})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def enter(self, strategy_id, *entries):
        answer = await self.asha.post(f"{PATH}/{strategy_id}/entries", json={"entries": entries})
        assert answer.status_code == 201, answer.text
        return answer.json()["entries"]


@pytest.fixture(scope="module")
async def floor(postgres_url):
    async with open_desk(postgres_url) as desk:
        await store_session(desk.service.runtime)
        async with desk.service.runtime.database.write() as session:
            await InstrumentStore().upsert(session, [CALL, THING])
            await BarStore().merge(session, make_bars(1, day_offset=EXPIRY_OFFSET))
        clients = {
            login: open_client(desk.service.url, headers=show(await desk.make_key(login)))
            for login in ("asha", "bela", "vijay")
        }
        clients["root"] = open_client(desk.service.url, headers=MASTER)
        yield Floor(desk, clients)
        for client in clients.values():
            await client.aclose()


def find_close(at_ns=AT_NS, instrument_id=2):
    """Return the close of the last minute that was over, as the API writes prices."""
    bars = make_bars(instrument_id)
    return Decimal(str(bars["close"][bars["ts_ns"] == at_ns - MINUTE_NS][0])).quantize(
        Decimal("0.01")
    )


async def test_strategy_is_made_once_for_a_key_changed_archived_and_deleted(floor):
    body = {
        "name": "Iron condor", "notes": "weekly", "tags": ["nifty", "nifty", "income"],
        "symbols": [FUTURE, "BANKNIFTY"], "target": "5000", "stop": "-2500.50",
    }  # fmt: skip
    headers = {"Idempotency-Key": "condor-1"}
    made = await floor.asha.post(PATH, json=body, headers=headers)
    again = await floor.asha.post(PATH, json=body, headers=headers)
    path = made.headers["location"]
    first = (await floor.asha.get(path)).json()

    assert made.status_code == again.status_code == 201
    assert made.json() == again.json() == first
    assert first | {"id": 0, "user_id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0, "user_id": 0, "account_id": None, "name": "Iron condor", "notes": "weekly",
        "tags": ["nifty", "income"], "symbols": [FUTURE, "NSE:NIFTY BANK"], "target": "5000.00",
        "stop": "-2500.50", "revision": 1, "archived_at": None, "created_at": "", "updated_at": "",
    }  # fmt: skip

    changes = {"revision": 1, "name": "Renamed", "target": None, "notes": None}
    changed = await floor.asha.patch(path, json=changes)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["target"]) == ("Renamed", None)
    assert (changed.json()["notes"], changed.json()["stop"]) == ("weekly", "-2500.50")
    late = await floor.asha.patch(path, json=changes)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")

    archived = [(await floor.asha.post(f"{path}/archive")).json() for _ in range(2)]
    assert archived[0] == archived[1]
    assert archived[0]["archived_at"] is not None
    assert (await floor.asha.post(f"{path}/restore")).json()["archived_at"] is None
    assert (await floor.asha.delete(path)).status_code == 204
    assert (await floor.asha.get(path)).status_code == 404


async def test_strategies_are_found_by_text_tag_and_state(floor):
    kept = await floor.make(name="Calendar spread", tags=["monthly"])
    gone = await floor.make(name="calendar, old", tags=["monthly"])
    await floor.asha.post(f"{PATH}/{gone}/archive")

    async def find(client="asha", **query):
        answer = await floor.clients[client].get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["items"]]

    owner = floor.desk.users["asha"].id
    assert await find(text="CALENDAR") == [kept]
    assert await find(tag="monthly", state="any") == [gone, kept]
    assert await find(tag="monthly", state="archived") == [gone]
    assert await find(tag="month") == []
    assert await find("bela", text="calendar") == []
    assert await find("root", text="calendar") == []
    assert await find("root", text="calendar", user_id=owner) == [kept]
    refused = await floor.clients["bela"].get(PATH, params={"user_id": owner})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "x"}),
        ("PATCH", "/{id}", {"name": "x", "revision": 1}),
        ("DELETE", "/{id}", None),
        ("POST", "/{id}/archive", None),
        ("POST", "/{id}/entries", {"entries": [{"symbol": FUTURE, "quantity": 1, "price": "1"}]}),
    ],
)
async def test_only_who_may_write_writes(floor, method, path, body):
    path = f"{PATH}{path}".format(id=await floor.make())
    async with open_client(floor.desk.service.url) as nobody:
        anonymous = await nobody.request(method, path, json=body)
    forbidden = await floor.clients["vijay"].request(method, path, json=body)

    assert (anonymous.status_code, forbidden.status_code) == (401, 403)
    if "{id}" in path:
        others = await floor.clients["bela"].request(method, path, json=body)
        assert others.status_code == 404
    valid = await floor.asha.request(method, path, json=body)
    assert valid.status_code < 300, valid.text


async def test_entries_have_the_price_they_are_given_or_that_of_then(floor):
    strategy_id = await floor.make()
    given = {"symbol": FUTURE, "quantity": -50, "price": "43000.0525", "charges": "12.3", "at": AT}
    first, second = await floor.enter(
        strategy_id, given | {"note": "by hand"}, {"symbol": FUTURE, "quantity": 25, "at": AT}
    )
    listed = (await floor.asha.get(f"{PATH}/{strategy_id}/entries?limit=1&offset=1")).json()

    assert (first["price"], first["charges"], first["at"]) == ("43000.0525", "12.30", AT)
    assert (first["source"], first["note"], first["quantity"]) == ("manual", "by hand", -50)
    assert first["recorded_by"] == "asha"
    assert Decimal(second["price"]) == find_close()
    assert listed == {"items": [first], "total": 2, "limit": 1, "offset": 1}


@pytest.mark.parametrize(
    ("entry", "status", "code"),
    [
        ({"symbol": "NFO:BANKNIFTY2310536500PE", "quantity": 30}, 422, "validation_failed"),
        ({"symbol": FUTURE, "quantity": 25, "at": "2120-01-01"}, 422, "ahead_of_market"),
        ({"symbol": FUTURE, "quantity": 0}, 422, "validation_failed"),
        ({"symbol": FUTURE, "quantity": 25, "price": "-1"}, 422, "validation_failed"),
        ({"symbol": "NFO:NOTHING", "quantity": 25}, 404, "unknown_symbol"),
        ({"symbol": "NSE:RELIANCE", "quantity": 1}, 404, "no_price"),
        ({"symbol": FUTURE, "quantity": 25, "at": "2022-12-01"}, 404, "no_price"),
    ],
)
async def test_entry_that_cannot_be_is_refused_with_all_beside_it(floor, entry, status, code):
    strategy_id = await floor.make()
    body = {"entries": [{"symbol": FUTURE, "quantity": 25, "price": "1"}, entry]}
    answer = await floor.asha.post(f"{PATH}/{strategy_id}/entries", json=body)
    listed = await floor.asha.get(f"{PATH}/{strategy_id}/entries")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert listed.json()["total"] == 0


async def test_entry_is_taken_back_once(floor):
    strategy_id = await floor.make()
    wrong, _ = await floor.enter(
        strategy_id,
        {"symbol": FUTURE, "quantity": 500, "price": "1", "charges": "9", "at": AT},
        {"symbol": FUTURE, "quantity": 25, "price": "43000", "at": AT},
    )
    path = f"{PATH}/{strategy_id}/entries"
    back = await floor.asha.post(f"{path}/{wrong['id']}/reverse", json={"note": "a slip"})
    twice = await floor.asha.post(f"{path}/{wrong['id']}/reverse", json={})
    back_again = await floor.asha.post(f"{path}/{back.json()['id']}/reverse", json={})
    lines = {each["id"]: each for each in (await floor.asha.get(path)).json()["items"]}
    profit = (await floor.asha.get(f"{PATH}/{strategy_id}/pnl")).json()

    assert back.status_code == 201, back.text
    assert (back.json()["quantity"], back.json()["charges"]) == (-500, "-9.00")
    assert (back.json()["reverses_id"], back.json()["at"]) == (wrong["id"], wrong["at"])
    assert lines[wrong["id"]]["reversed_by"] == back.json()["id"]
    assert twice.status_code == back_again.status_code == 409
    assert (profit["legs"][0]["quantity"], profit["charges"]) == (25, "0.00")


async def test_ledger_of_an_archived_strategy_is_closed_and_a_used_one_stays(floor):
    strategy_id = await floor.make()
    await floor.enter(strategy_id, {"symbol": FUTURE, "quantity": 25, "price": "43000"})
    deleted = await floor.asha.delete(f"{PATH}/{strategy_id}")
    await floor.asha.post(f"{PATH}/{strategy_id}/archive")
    body = {"entries": [{"symbol": FUTURE, "quantity": 25, "price": "43000"}]}
    entered = await floor.asha.post(f"{PATH}/{strategy_id}/entries", json=body)

    assert deleted.status_code == entered.status_code == 409
    assert "archive it instead" in deleted.json()["error"]["message"]
    assert "restore it first" in entered.json()["error"]["message"]


async def test_profit_is_realised_first_in_first_out_and_marked_as_of_then(floor):
    strategy_id = await floor.make()
    minutes = [format_rfc3339(AT_NS + number * MINUTE_NS) for number in range(5)]
    await floor.enter(
        strategy_id,
        {"symbol": FUTURE, "quantity": 50, "price": "42000", "at": minutes[0], "charges": "20"},
        {"symbol": FUTURE, "quantity": 25, "price": "42100", "at": minutes[1], "charges": "10"},
        {"symbol": FUTURE, "quantity": -60, "price": "42200.05", "at": minutes[3], "charges": "5"},
    )

    async def ask(**query):
        answer = await floor.asha.get(f"{PATH}/{strategy_id}/pnl", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    before, middle, after = [await ask(as_of=each) for each in (AT, minutes[2], minutes[4])]
    mark = find_close(AT_NS + 2 * MINUTE_NS)

    assert before["legs"][0]["quantity"] == 50
    assert Decimal(middle["unrealised"]) == 50 * (mark - 42_000) + 25 * (mark - 42_100)
    assert (middle["realised"], middle["charges"]) == ("0.00", "30.00")
    assert Decimal(middle["legs"][0]["mark"]) == mark
    assert middle["legs"][0]["average_price"] == "42033.3333"
    # 50 of 42,000 and 10 of 42,100.
    assert after["realised"] == f"{50 * Decimal('200.05') + 10 * Decimal('100.05'):.2f}"
    assert after["legs"][0]["quantity"] == 15
    assert Decimal(after["net"]) == sum(
        Decimal(after[name]) for name in ("realised", "unrealised")
    ) - Decimal(after["charges"])
    # Nothing was heard of it since that day.
    now = await ask()
    assert now["legs"][0]["mark_source"] == "stale"
    ahead = await floor.asha.get(f"{PATH}/{strategy_id}/pnl?as_of=2120-01-01")
    assert ahead.json()["error"]["code"] == "ahead_of_market"


async def test_contract_that_is_over_is_marked_at_its_settlement(floor):
    strategy_id = await floor.make()
    await floor.enter(
        strategy_id, {"symbol": CALL.symbol, "quantity": -25, "price": "900", "at": AT}
    )
    profit = (await floor.asha.get(f"{PATH}/{strategy_id}/pnl")).json()
    # The last half hour of that day, without the minute at the close.
    bars = make_bars(1, day_offset=EXPIRY_OFFSET)[-31:-1]
    value = Decimal(f"{np.average(bars['close'], weights=bars['volume']) - 42_000:.2f}")

    leg = profit["legs"][0]
    assert (leg["mark_source"], Decimal(leg["mark"])) == ("settlement", value)
    assert (leg["lots"], leg["average_price"]) == (-1, "900.0000")
    assert Decimal(profit["unrealised"]) == -25 * (value - 900)


async def test_profit_is_unknown_where_a_mark_is(floor):
    strategy_id = await floor.make()
    await floor.enter(
        strategy_id, {"symbol": THING.symbol, "quantity": 10, "price": "1300", "charges": "3"}
    )
    profit = (await floor.asha.get(f"{PATH}/{strategy_id}/pnl")).json()

    assert (profit["unrealised"], profit["net"]) == (None, None)
    assert (profit["realised"], profit["charges"]) == ("0.00", "3.00")
    assert profit["legs"][0]["mark_source"] is None


async def test_alerts_are_listed_the_newest_first(floor):
    strategy_id = await floor.make(target="100")
    alerts = [
        StrategyAlert(
            None, StrategyId(strategy_id), kind, Paise(level), Paise(level), MarketMoment(AT_NS, 7)
        )
        for kind, level in ((AlertKind.TARGET, 10_000), (AlertKind.STOP, -5_000))
    ]
    async with floor.desk.service.runtime.database.write() as session:
        await StrategyAlertStore().add(session, alerts)
    page = (await floor.asha.get(f"{PATH}/{strategy_id}/alerts")).json()

    assert [each["kind"] for each in page["items"]] == ["stop", "target"]
    assert (page["items"][1]["level"], page["items"][1]["at"], page["total"]) == ("100.00", AT, 2)


async def test_document_comes_back_as_the_strategy_that_it_was_written_of(floor):
    strategy_id = await floor.make(
        notes="=1+1", tags=["a", "b"], symbols=["NSE:RELIANCE"], target="10.50", stop="-3"
    )
    wrong, _, _ = await floor.enter(
        strategy_id,
        {"symbol": FUTURE, "quantity": 50, "price": "42000.0025", "at": AT, "charges": "1.05"},
        {"symbol": CALL.symbol, "quantity": -25, "price": "900", "at": AT, "note": "=HYPERLINK(1)"},
        {"symbol": FUTURE, "quantity": -25, "price": "42100"},
    )
    await floor.asha.post(f"{PATH}/{strategy_id}/entries/{wrong['id']}/reverse", json={})
    await floor.enter(strategy_id, {"symbol": FUTURE, "quantity": 5, "price": "0", "at": AT})
    exported = await floor.asha.get(f"{PATH}/{strategy_id}/export")
    headers = {"Idempotency-Key": "once"}
    made, again = [
        await floor.clients["bela"].post(f"{PATH}/import", json=exported.json(), headers=headers)
        for _ in range(2)
    ]
    copy = await floor.clients["bela"].get(f"{made.headers['location']}/export")
    profits = [
        (await client.get(f"{path}/pnl", params={"as_of": AT})).json()
        for client, path in (
            (floor.asha, f"{PATH}/{strategy_id}"),
            (floor.clients["bela"], made.headers["location"]),
        )
    ]

    assert made.status_code == 201, made.text
    assert again.json() == made.json()
    assert made.json()["user_id"] == floor.desk.users["bela"].id
    assert copy.json() == exported.json()
    assert exported.json()["entries"][4]["reverses"] == 0
    assert profits[0] | {"strategy_id": 0} == profits[1] | {"strategy_id": 0}


@pytest.mark.promise("S20")
async def test_ledger_as_csv_starts_no_formula(floor):
    strategy_id = await floor.make()
    notes = ["=1+1", "+1", "-1", "@SUM(1)", "plain, with a comma"]
    await floor.enter(
        strategy_id,
        *({"symbol": FUTURE, "quantity": -25, "price": "1", "note": note} for note in notes),
    )
    answer = await floor.asha.get(f"{PATH}/{strategy_id}/export", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert [each["note"] for each in rows] == [f"'{each}" for each in notes[:4]] + notes[4:]
    assert {each["quantity"] for each in rows} == {"-25"}


async def test_document_that_is_wrong_is_refused_line_by_line(floor):
    line = {"symbol": FUTURE, "quantity": 25, "price": "1", "at": AT}
    back = line | {"quantity": -25, "reverses": 0}
    document = {
        "format": "strikewire.strategy",
        "version": 1,
        "strategy": {"name": "copy"},
        "entries": [
            line,
            line | {"symbol": "NFO:NOTHING"},
            line | {"at": "2120-01-01T00:00:00Z"},
            back | {"quantity": -50},
            back,
            back | {"reverses": 6},
            line | {"charges": "-1"},
        ],
    }
    wrong = await floor.asha.post(f"{PATH}/import", json=document)
    unknown = await floor.asha.post(f"{PATH}/import", json=document | {"version": 2})
    shapeless = await floor.asha.post(
        f"{PATH}/import", json=document | {"entries": [line, line | {"at": "yesterday"}]}
    )

    assert wrong.status_code == 422
    assert [each["field"] for each in wrong.json()["error"]["details"]["errors"]] == [
        "entries.1.symbol", "entries.2.at", "entries.3.reverses", "entries.4.reverses",
        "entries.5.reverses", "entries.6.charges",
    ]  # fmt: skip
    assert unknown.status_code == 422
    assert "entries.1.at" in shapeless.json()["error"]["details"]["errors"][0]["field"]


async def take_over(floor, strategy_id, symbol=FUTURE, **wanted):
    body = {"positions": [{"symbol": symbol, **wanted}]}
    return await floor.asha.post(f"{PATH}/{strategy_id}/positions", json=body)


async def test_each_unit_of_an_account_is_taken_over_by_one_strategy(floor):
    account = await floor.asha.post("/api/v1/accounts", json={"name": "taken over"})
    account_id = account.json()["id"]
    first, second = [await floor.make(account_id=account_id) for _ in range(2)]
    for quantity, price in ((-50, 100.0), (-25, 103.0), (15, 90.0)):
        await fill_order(floor.desk.service, account_id, FUTURE, quantity, price)
    await fill_order(floor.desk.service, account_id, FUTURE, -5, 200.0, strategy_id=first)
    await fill_order(floor.desk.service, account_id, CALL.symbol, 25, 900.0)

    part = await take_over(floor, second, quantity=-20)
    refused = [await take_over(floor, second, quantity=each) for each in (-41, 20)]
    rest = await take_over(floor, first)
    nothing = await take_over(floor, second)
    unheld = await take_over(floor, second, "NSE:RELIANCE")
    lots = await take_over(floor, second, CALL.symbol, quantity=10)
    homeless = await take_over(floor, await floor.make())

    assert part.status_code == 201, part.text
    (line,) = part.json()["entries"]
    # 35 are left of those at 100, 25 at 103, and 5 at 200.
    average = Decimal(35 * 100 + 25 * 103 + 5 * 200) / 65
    assert (line["quantity"], line["source"], line["charges"]) == (-20, "position", "0.00")
    assert Decimal(line["price"]) == round(average, 4)
    assert rest.json()["entries"][0]["quantity"] == -40
    answers = [*refused, nothing, unheld, lots, homeless]
    assert [each.status_code for each in answers] == [409, 409, 409, 409, 422, 409]
    assert refused[0].json()["error"]["details"]["free"] == -40


async def test_strategy_keeps_the_account_that_its_orders_are_on(floor):
    ids = []
    for name in ("one", "other"):
        made = await floor.asha.post("/api/v1/accounts", json={"name": f"orders on the {name}"})
        ids.append(made.json()["id"])
    strategy_id = await floor.make(account_id=ids[0])
    path = f"{PATH}/{strategy_id}"
    moved = await floor.asha.patch(path, json={"revision": 1, "account_id": ids[1]})
    await fill_order(floor.desk.service, ids[1], FUTURE, 25, 43_000.0, strategy_id=strategy_id)
    stays = await floor.asha.patch(path, json={"revision": 2, "account_id": ids[0]})
    (line,) = (await floor.asha.get(f"{path}/entries")).json()["items"]
    closed = await floor.asha.post(f"/api/v1/accounts/{ids[0]}/close")
    assert closed.status_code == 200, closed.text
    refused = [
        await client.post(PATH, json={"name": "x", "account_id": account_id})
        for client, account_id in ((floor.asha, ids[0]), (floor.clients["bela"], ids[1]))
    ]

    assert (moved.status_code, moved.json()["account_id"]) == (200, ids[1])
    assert stays.status_code == 409
    assert (line["source"], line["charges"], line["fill_number"]) == ("fill", "1.00", 1)
    assert [each.status_code for each in refused] == [409, 404]


async def test_open_legs_are_wanted_for_an_analysis(floor):
    answer = await floor.asha.get(f"{PATH}/{await floor.make()}/analysis")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_open_legs_are_analysed_and_marked_as_those_that_somebody_thinks_of(market):
    wish = {"underlying": "NIFTY", "distance": 1, "width": 1}
    built = await market.client.post(f"{PATH}/templates/short-straddle", json=wish)
    legs = [{"symbol": each["symbol"], "quantity": each["quantity"], "entry_price": 100.0}
            for each in built.json()["legs"]]  # fmt: skip
    made = await market.client.post(PATH, json={"name": "straddle"})
    path = made.headers["location"]
    entries = [
        {"symbol": each["symbol"], "quantity": quantity, "price": price}
        for each in legs
        for quantity, price in ((2 * each["quantity"], "100"), (-each["quantity"], "90.5"))
    ]
    entered = await market.client.post(f"{path}/entries", json={"entries": entries})
    assert entered.status_code == 201, entered.text

    kept = (await market.client.get(f"{path}/analysis", params={"grid": True, "points": 21})).json()
    body = {"legs": legs, "grid": {}, "curve": {"points": 21}}
    thought = (await market.client.post(f"{PATH}/analysis", json=body)).json()
    profit = (await market.client.get(f"{path}/pnl")).json()

    own = {name: kept.pop(name) for name in ("strategy_id", "realised", "charges")}
    assert kept == thought
    assert own["realised"] == profit["realised"]
    quantity = sum(abs(each["quantity"]) for each in legs)
    assert Decimal(profit["realised"]) == quantity * Decimal("9.5")
    quotes = {each["symbol"]: each for each in profit["legs"]}
    for each in thought["strategy"]["legs"]:
        leg = quotes[each["symbol"]]
        assert (leg["lots"], leg["mark_source"]) == (each["lots"], "last_price")
        assert leg["mark"] is not None
