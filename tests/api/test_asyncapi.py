"""The AsyncAPI document, and that the program says what it says."""

from __future__ import annotations

import asyncio
import json

from pydantic import TypeAdapter
from websockets.asyncio.client import connect

from strikewire.api.ws.catalogue import PATHS, SESSION_MESSAGES, TOPIC_MESSAGES
from strikewire.api.ws.close_codes import CloseCode
from strikewire.stream.topics import KINDS
from tests.api.test_replay import SYMBOL


def resolve(document, reference):
    found = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def find_references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from find_references(value)
    elif isinstance(part, list):
        for value in part:
            yield from find_references(value)


async def test_document_is_whole(service):
    answer = await service.client.get("/api/v1/asyncapi.json")
    document = answer.json()

    assert document["asyncapi"] == "3.0.0"
    for reference in find_references(document):
        assert resolve(document, reference)
    assert {each["address"] for each in document["channels"].values()} == {
        path.path for path in PATHS
    }
    assert document["channels"]["ws"]["x-topics"].keys() == KINDS.keys() == TOPIC_MESSAGES.keys()
    assert set(document["x-close-codes"]) == {str(code.value) for code in CloseCode}
    for operation in document["operations"].values():
        assert operation["messages"]


async def test_program_says_what_the_document_says(playing):
    # Chains are heard in tests/api/test_chain_socket.py: nothing of this recording has any.
    told = [TOPIC_MESSAGES[kind] for kind in ("bars", "market")]
    models = [*SESSION_MESSAGES, *(each for kind in told for each in kind)]
    wanted = {model.__name__ for model in models} - {"Shutdown", "Heartbeat"}
    reader = TypeAdapter(join(models))
    heard = set()
    url = playing.url.replace("http", "ws") + "/ws"
    async with connect(url, proxy=None) as client, asyncio.timeout(30):

        async def ask(**body):
            await client.send(json.dumps(body))

        async def hear(kind):
            while True:
                message = json.loads(await client.recv())
                found = reader.validate_python(message)
                heard.add(type(found).__name__)
                if message["type"] == kind:
                    return message

        topic = f"bars:{SYMBOL}:1m"
        await ask(action="subscribe", topic=topic, id=1)
        first = await hear("snapshot")
        await hear("bar")
        seen = {"epoch": first["epoch"], "seq": first["seq"]}
        await ask(action="subscribe", topic=topic, **seen)
        await hear("resumed")
        await ask(action="unsubscribe", topic=topic, id="x")
        await hear("unsubscribed")
        await ask(action="subscribe", topic="market")
        market = await hear("snapshot")
        await ask(action="subscribe", topic="market", epoch=market["epoch"], seq=0)
        await hear("resumed")
        await ask(action="ping")
        await hear("pong")
        await ask(action="subscribe", topic="bars:NSE:NOBODY:1m")
        await hear("error")
        await hear("status")
    assert heard == wanted


def join(models):
    joined = models[0]
    for model in models[1:]:
        joined |= model
    return joined
