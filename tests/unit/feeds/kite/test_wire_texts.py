"""Texts of the broker's socket, in both directions."""

from __future__ import annotations

import orjson
import pytest

from strikewire.feeds.kite.wire import (
    MAX_TEXT_BYTES,
    Mode,
    TextKind,
    encode_mode,
    encode_subscribe,
    encode_unsubscribe,
    parse_text,
)


@pytest.mark.parametrize(
    "frame",
    ['{"type":"order","data":{"order_id":"1"}}', b'{"type":"order","data":{"order_id":"1"}}'],
)
def test_order_comes_as_the_broker_tells_it(frame) -> None:
    message = parse_text(frame)

    assert message.kind is TextKind.ORDER
    assert message.order == {"order_id": "1"}


@pytest.mark.parametrize(
    ("frame", "kind", "text"),
    [
        ('{"type":"error","data":"Token is wrong"}', TextKind.ERROR, "Token is wrong"),
        ('{"type":"error","data":null}', TextKind.ERROR, "None"),
        ('{"type":"message","data":"Two\\nlines\\u001b[31m"}', TextKind.MESSAGE, "Two lines [31m"),
        ('{"type":"instruments_meta","data":{}}', TextKind.UNKNOWN, "instruments_meta"),
        ("{}", TextKind.UNKNOWN, "None"),
        ('{"type":["order"]}', TextKind.UNKNOWN, "['order']"),
        ('{"type":"order","data":"1"}', TextKind.INVALID, "an order without its data"),
        ("[1]", TextKind.INVALID, "an object was wanted"),
    ],
)
def test_text_is_told_by_its_type(frame: str, kind: TextKind, text: str) -> None:
    message = parse_text(frame)

    assert (message.kind, message.text, message.order) == (kind, text, {})


@pytest.mark.parametrize(
    "frame", ["", "{", b"\xff\xfe", "\ud800", "[" * 50_000, '{"a":' * 10_000, "NaN", "1e999"]
)
def test_text_that_is_no_text_of_the_broker_is_invalid(frame) -> None:
    assert parse_text(frame).kind is TextKind.INVALID


def test_text_is_capped() -> None:
    long = orjson.dumps({"type": "error", "data": "x" * (MAX_TEXT_BYTES - 100)})

    assert parse_text(long).text == "x" * 500
    assert parse_text(b" " * (MAX_TEXT_BYTES + 1)).kind is TextKind.INVALID


def test_what_is_asked_of_the_broker_is_what_its_own_client_sends() -> None:
    assert orjson.loads(encode_subscribe([408065, 1])) == {"a": "subscribe", "v": [408065, 1]}
    assert orjson.loads(encode_unsubscribe([1])) == {"a": "unsubscribe", "v": [1]}
    assert orjson.loads(encode_mode(Mode.FULL, [1])) == {"a": "mode", "v": ["full", [1]]}
