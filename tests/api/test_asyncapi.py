"""The AsyncAPI document, and that the program says what it says."""

from __future__ import annotations

import asyncio
import json

from pydantic import TypeAdapter
from websockets.asyncio.client import connect

from strikewire.api.ws.catalogue import PATHS, SESSION_MESSAGES, TOPIC_MESSAGES
from strikewire.api.ws.close_codes import CloseCode
from strikewire.stream.topics import KINDS
from tests.api.test_chain_socket import find_topic, market
from tests.api.test_replay import SYMBOL

__all__ = ["market"]


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


async def test_chains_monitors_and_computed_bars_are_told_as_the_document_says(market):
    asked = {
        "chain": await find_topic(market),
        "monitor": "monitor:NIFTY",
        "bars": "bars:CALC:NIFTY.PCR:1m",
    }
    # What each kind says more than once, and what it says to whoever comes back.
    moves = {"chain": {"delta", "minute"}, "monitor": {"delta"}, "bars": {"bar"}}
    comes_back = {"chain": {"resumed", "state"}, "monitor": {"resumed", "state"},
                  "bars": {"resumed"}}  # fmt: skip
    readers = {kind: TypeAdapter(join(TOPIC_MESSAGES[kind])) for kind in asked}
    # The market's status is told on every socket.
    others = (*SESSION_MESSAGES, *TOPIC_MESSAGES["market"])
    reader = TypeAdapter(join(others))
    heard = set()
    url = market.url.replace("http", "ws") + "/ws"
    async with connect(url, proxy=None) as client, asyncio.timeout(30):

        async def hear(topic, kinds):
            """Read until a topic has said each of some kinds; returns the last message of it."""
            left, last = set(kinds), None
            while left:
                message = json.loads(await client.recv())
                kind = message.get("topic", "").partition(":")[0]
                found = readers.get(kind, reader).validate_python(message)
                heard.add(type(found).__name__)
                if kind == topic:
                    left.discard(message["type"])
                    last = message
            return last

        for kind, topic in asked.items():
            await client.send(json.dumps({"action": "subscribe", "topic": topic}))
            first = await hear(kind, {"snapshot"})
            await hear(kind, moves[kind])
            seen = {"epoch": first["epoch"], "seq": first["seq"]}
            await client.send(json.dumps({"action": "subscribe", "topic": topic, **seen}))
            await hear(kind, comes_back[kind])
    wanted = {model.__name__ for kind in asked for model in TOPIC_MESSAGES[kind]}
    assert wanted <= heard <= wanted | {model.__name__ for model in others}


def join(models):
    joined = models[0]
    for model in models[1:]:
        joined |= model
    return joined
