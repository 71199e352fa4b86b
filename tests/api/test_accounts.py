"""Trading accounts over HTTP: whose they are, what is told of them, and halting them."""

from __future__ import annotations

import asyncio

import pytest

from strikewire.auth.scopes import Scope
from tests.api.desks import MASTER, open_desk, show
from tests.canaries import CANARY

PATH = "/api/v1/accounts"
SWITCH = "/api/v1/kill-switch"
SECRET = {"api_key": f"{CANARY}-key", "api_secret": f"{CANARY}-secret"}
LIMITS = {
    "max_orders_per_day": 500,
    "max_order_value": "1000000.00",
    "max_loss_per_day": "50000.00",
    "max_open_quantity": 1_800,
}


@pytest.fixture(scope="module")
async def desk(postgres_url):
    async with open_desk(postgres_url) as desk:
        yield desk


@pytest.fixture(scope="module")
async def keys(desk):
    """Give a header for each user, of a key that may all that its owner may."""
    return {login: show(await desk.make_key(login)) for login in desk.users}


@pytest.fixture
def create(desk, keys):
    async def create(login="asha", headers=None, **body):
        answer = await desk.client.post(PATH, json=body, headers=keys[login] | (headers or {}))
        assert answer.status_code == 201, answer.text
        return answer.json()

    return create


async def test_paper_account_is_made_and_shown(desk, keys, create):
    made = await create(name="First", limits={"max_open_quantity": 75})

    assert made == {
        "id": made["id"],
        "user_id": desk.users["asha"].id,
        "name": "First",
        "broker": "paper",
        "broker_user": None,
        "has_credentials": False,
        "opening": "1000000.00",
        "limits": dict.fromkeys(LIMITS) | {"max_open_quantity": 75},
        "is_live": False,
        "halted_at": None,
        "halted_because": None,
        "closed_at": None,
        "created_at": made["created_at"],
    }
    shown = await desk.client.get(f"{PATH}/{made['id']}", headers=keys["asha"])
    assert shown.json() == made


async def test_account_is_made_once_for_each_idempotency_key(desk, keys, create):
    key = {"Idempotency-Key": "the-one"}
    first = await create(name="Once", headers=key)

    assert await create(name="Once", headers=key) == first
    other = await desk.client.post(PATH, json={"name": "Twice"}, headers=keys["asha"] | key)
    assert other.json()["error"]["code"] == "idempotency_key_reused"


@pytest.mark.promise("S17")
async def test_credentials_go_in_and_never_come_out(desk, keys, create, caplog):
    body = {"name": "Kite", "broker": "kite", "broker_user": "AB1234", "credentials": SECRET}
    made = await create(**body)
    path = f"{PATH}/{made['id']}"
    told = [
        await desk.client.patch(path, json={"credentials": SECRET}, headers=keys["asha"]),
        await desk.client.get(path, headers=keys["asha"]),
        await desk.client.get(PATH, headers=keys["asha"]),
        # Refused, and not repeated either.
        await desk.client.post(PATH, json=body, headers=keys["asha"]),
        await desk.client.post(PATH, json=body | {"broker": "paper"}, headers=keys["asha"]),
        await desk.client.post(
            PATH, json={"name": "x", "credentials": {"api_key": SECRET}}, headers=keys["asha"]
        ),
        await desk.client.get(f"/api/v1/audit?object_id={made['id']}", headers=MASTER),
    ]

    assert made["has_credentials"] is True
    assert [each.status_code for each in told] == [200, 200, 200, 409, 422, 422, 200]
    assert CANARY not in "".join([str(made), caplog.text, *(each.text for each in told)])


async def test_nobody_viewers_and_keys_without_the_scope_are_refused(desk, keys, create):
    made = await create(name="Guarded")
    reading = show(await desk.make_key("asha", scopes=frozenset({Scope.ACCOUNTS_READ})))
    attempts = [
        ("GET", PATH, None),
        ("POST", PATH, {"name": "x"}),
        ("GET", f"{PATH}/{made['id']}", None),
        ("PATCH", f"{PATH}/{made['id']}", {"name": "x"}),
        *(("POST", f"{PATH}/{made['id']}/{verb}", None) for verb in ("close", "resume")),
        ("POST", f"{PATH}/{made['id']}/halt", {"reason": "x"}),
        ("POST", SWITCH, {"reason": "x"}),
    ]

    for method, path, body in attempts:
        nobody = await desk.client.request(method, path, json=body)
        assert nobody.status_code == 401
        if method != "GET":
            for headers in (keys["vijay"], reading):
                answer = await desk.client.request(method, path, json=body, headers=headers)
                assert answer.json()["error"]["details"] == {"scope": "accounts:write"}
    assert (await desk.client.get(PATH, headers=keys["vijay"])).json()["items"] == []
    assert (await desk.client.get(f"{PATH}/{made['id']}", headers=reading)).status_code == 200


async def test_another_users_accounts_are_for_who_keeps_the_users(desk, keys, create):
    bela = desk.users["bela"].id
    made = await create("bela", name="Hers")

    async def list_as(headers, **query):
        return await desk.client.get(PATH, params=query, headers=headers)

    assert (await list_as(keys["asha"], user_id=bela)).status_code == 403
    listed = await list_as(MASTER, user_id=bela)
    assert listed.json()["items"] == [made]
    assert (await list_as(MASTER)).json()["total"] == 0
    for body, status in (({"name": "y", "user_id": bela}, 201), ({"name": "z"}, 422)):
        answer = await desk.client.post(PATH, json=body, headers=MASTER)
        assert answer.status_code == status
    given = await desk.client.post(PATH, json={"name": "q", "user_id": bela}, headers=keys["asha"])
    assert given.status_code == 403


async def test_accounts_are_listed_by_pages_and_closed_ones_on_request(desk, keys, create):
    made = [await create("root", name=f"Account {number}") for number in range(3)]
    closed = f"{PATH}/{made[0]['id']}/close"
    assert (await desk.client.post(closed, headers=keys["root"])).json()["closed_at"]

    async def list_ids(**query):
        page = (await desk.client.get(PATH, params=query, headers=keys["root"])).json()
        return [each["id"] for each in page["items"]], page["total"]

    ids = [each["id"] for each in made]
    assert await list_ids() == (ids[1:], 2)
    assert await list_ids(include_closed=True) == (ids, 3)
    assert await list_ids(limit=1, offset=1) == (ids[2:], 2)


async def test_what_is_left_out_of_a_change_stays(desk, keys, create):
    made = await create(name="Changing", limits=LIMITS)

    async def change(**body):
        path = f"{PATH}/{made['id']}"
        return await desk.client.patch(path, json=body, headers=keys["asha"])

    assert (await change(name="Changed")).json() == made | {"name": "Changed"}
    fewer = (await change(limits={"max_order_value": "5"})).json()["limits"]
    assert fewer == dict.fromkeys(LIMITS) | {"max_order_value": "5.00"}
    for body, status in (({}, 422), ({"is_live": True}, 403), ({"name": "FIRST "}, 200)):
        assert (await change(**body)).status_code == status
    live = await desk.client.patch(f"{PATH}/{made['id']}", json={"is_live": True}, headers=MASTER)
    assert live.json()["error"]["code"] == "live_trading_off"


async def test_user_with_an_account_is_disabled_and_not_deleted(desk):
    await desk.add_user("chen")
    chen = desk.users["chen"].id
    answer = await desk.client.post(PATH, json={"name": "Kept", "user_id": chen}, headers=MASTER)
    assert answer.status_code == 201
    refused = await desk.client.delete(f"/api/v1/users/{chen}", headers=MASTER)

    assert refused.status_code == 409
    assert "disable this one instead" in refused.json()["error"]["message"]


@pytest.mark.promise("S25")
async def test_kill_switch_halts_one_account_or_all_of_them(desk, keys, create):
    await desk.add_user("dev")
    keys["dev"] = show(await desk.make_key("dev"))
    first, second = [await create("dev", name=name) for name in ("1", "2")]
    other = await create("bela", name="Elsewhere")

    async def post(path, headers=keys["dev"], **body):
        return await desk.client.post(path, json=body or None, headers=headers)

    (halted,) = (await post(f"{PATH}/{first['id']}/halt", reason="fat finger")).json()["items"]
    assert halted["halted_because"] == "fat finger"
    # The first reason stays, and a halted account can be halted with the others.
    answers = await asyncio.gather(*(post(SWITCH, reason="margin call") for _ in range(3)))
    for answer in answers:
        found = {each["id"]: each["halted_because"] for each in answer.json()["items"]}
        assert found == {first["id"]: "fat finger", second["id"]: "margin call"}
    shown = await desk.client.get(f"{PATH}/{other['id']}", headers=keys["bela"])
    assert shown.json()["halted_at"] is None

    resumed = (await post(f"{PATH}/{first['id']}/resume")).json()
    assert (resumed["halted_at"], resumed["halted_because"]) == (None, None)
    for body in ({"everybody": True}, {"user_id": desk.users["bela"].id}):
        assert (await post(SWITCH, reason="x", **body)).status_code == 403
    both = await post(SWITCH, MASTER, reason="x", everybody=True, user_id=1)
    assert both.status_code == 422
    everybody = (await post(SWITCH, MASTER, reason="exchange down", everybody=True)).json()
    found = {each["id"]: each["halted_because"] for each in everybody["items"]}
    assert found[first["id"]] == found[other["id"]] == "exchange down"
    assert found[second["id"]] == "margin call"
