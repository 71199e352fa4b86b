"""What nobody knows is refused: generated over every operation of the OpenAPI document."""

from __future__ import annotations

import pytest

#: Who asks these adds parameters of its own: the charting library, probes, scrapers.
OPEN = ("/udf/", "/health", "/metrics", "/api/v1/ready")
VALUES = {"venue": "NFO", "kind": "lot_size", "valid_from": "2030-01-01", "symbol": "BANKNIFTY"}


def iterate_operations(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def fill(path, operation):
    """Put a value for each path parameter; an unknown object must not be what is refused."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            value = VALUES.get(parameter["name"], "1")
            path = path.replace(f"{{{parameter['name']}}}", value)
    return path


@pytest.mark.promise("S4")
async def test_unknown_parameter_is_refused_by_every_operation(client, document):
    accepted = []
    for method, path, operation in iterate_operations(document):
        if path.startswith(OPEN):
            continue
        answer = await client.request(method, fill(path, operation), params={"no-such": "1"})
        told = [each["field"] for each in answer.json()["error"]["details"].get("errors", ())]
        if answer.status_code != 422 or not any("no-such" in each for each in told):
            accepted.append((method, path, answer.status_code, told))
    document_answer = await client.get("/api/v1/openapi.json?no-such=1")

    assert accepted == []
    assert document_answer.status_code == 422


@pytest.mark.promise("S4")
async def test_unknown_field_is_refused_in_every_body(client, document):
    accepted, asked = [], 0
    for method, path, operation in iterate_operations(document):
        if "requestBody" not in operation:
            continue
        asked += 1
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for variant in schema.get("oneOf", [schema]):
            name = variant["$ref"].rpartition("/")[2]
            found = document["components"]["schemas"][name]
            if found.get("additionalProperties") is not False:
                accepted.append((method, path, name))
        answer = await client.request(method, fill(path, operation), json={"no-such": 1})
        if answer.status_code != 422:
            accepted.append((method, path, answer.status_code))

    assert asked > 0
    assert accepted == []


@pytest.mark.promise("S14")
async def test_every_list_and_text_that_is_sent_has_an_end(document):
    endless = []
    for method, path, operation in iterate_operations(document):
        for parameter in operation.get("parameters", ()):
            where = f"{method} {path} {parameter['name']}"
            endless += iterate_endless(document, parameter["schema"], where)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            endless += iterate_endless(document, content["schema"], f"{method} {path}")

    assert endless == []


def is_endless(schema):
    """Say whether a value of a schema may be as long as it likes."""
    match schema.get("type"):
        case "array":
            return "maxItems" not in schema
        case "string":
            bounds = {"maxLength", "enum", "const", "pattern", "format"}
            return not bounds & set(schema)
        case "object":
            return schema.get("additionalProperties") is True and "maxProperties" not in schema
    return False


def iterate_endless(document, schema, where):
    """Yield where in a schema something has no end."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if is_endless(schema):
        yield where
    for key in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(key, ()):
            yield from iterate_endless(document, each, where)
    for name, each in schema.get("properties", {}).items():
        yield from iterate_endless(document, each, f"{where}.{name}")
    if "items" in schema:
        yield from iterate_endless(document, schema["items"], f"{where}[]")


@pytest.mark.promise("S14")
@pytest.mark.parametrize("depth", [40, 100_000])
async def test_json_that_goes_too_deep_is_refused(client, depth):
    body = b'{"action": "seek", "to": ' + b"[" * depth + b"]" * depth + b"}"
    answer = await client.post(
        "/api/v1/replay", content=body, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "body",
    [b'{"action": "a\\u0000"}', b'{"a\\u0000": 1}', b'{"action": "\\ud800"}', b'{"action": NaN}'],
    ids=["NUL", "NUL in a name", "lone surrogate", "NaN"],
)
async def test_json_that_no_other_program_reads_is_refused(client, body):
    answer = await client.post(
        "/api/v1/replay", content=body, headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")
