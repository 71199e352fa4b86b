"""The AsyncAPI 3 document of the sockets, made from the catalogues that serve them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from strikewire.api.ws import protocol
from strikewire.api.ws.catalogue import PATHS, SCOPES, SESSION_MESSAGES, TOPIC_MESSAGES, SocketPath
from strikewire.api.ws.close_codes import CloseCode

_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    protocol.Authenticate,
    protocol.Subscribe,
    protocol.Unsubscribe,
    protocol.Ping,
)
_SCHEMA_REF: Final = "#/components/schemas/{model}"


def build_asyncapi(*, version: str) -> dict[str, Any]:
    """Return the document: a channel per path, its messages both ways, the close codes."""
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    models = [*_REQUESTS, *SESSION_MESSAGES]
    for of_kind in TOPIC_MESSAGES.values():
        models += of_kind
    for model in models:
        schema = model.model_json_schema(ref_template=_SCHEMA_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
        messages[model.__name__] = {
            "name": model.__name__,
            "summary": (model.__doc__ or "").strip(),
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        }
    channels = {_name(path): _describe_channel(path) for path in PATHS}
    operations: dict[str, Any] = {}
    for path in PATHS:
        name = _name(path)
        operations[f"{name}_hear"] = _describe_operation(name, "receive", _REQUESTS)
        operations[f"{name}_say"] = _describe_operation(name, "send", _list_said(path))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Strikewire streams",
            "version": version,
            "description": "Snapshots, then numbered changes. Messages are JSON text, or with "
            "`?encoding=msgpack` MessagePack.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
        "x-close-codes": {
            str(code.value): {"reason": code.reason, "reconnect": code.is_worth_returning}
            for code in CloseCode
        },
    }


def _name(path: SocketPath) -> str:
    return path.path.strip("/").replace("/", "_")


def _list_said(path: SocketPath) -> tuple[type[BaseModel], ...]:
    kinds = sorted(kind.name for kind in path.kinds)
    said: list[type[BaseModel]] = [*SESSION_MESSAGES]
    for kind in kinds:
        said += TOPIC_MESSAGES[kind]
    return tuple(said)


def _describe_channel(path: SocketPath) -> dict[str, Any]:
    return {
        "address": path.path,
        "summary": path.summary,
        "messages": {
            model.__name__: {"$ref": f"#/components/messages/{model.__name__}"}
            for model in (*_REQUESTS, *_list_said(path))
        },
        "x-required-scope": path.access.value,
        "x-topics": {
            kind.name: {"summary": kind.summary, "x-required-scope": SCOPES[kind.name].value}
            for kind in sorted(path.kinds, key=lambda kind: kind.name)
        },
    }


def _describe_operation(
    channel: str, action: str, models: tuple[type[BaseModel], ...]
) -> dict[str, Any]:
    """Describe one direction, from where the server stands."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{model.__name__}"} for model in models
        ],
    }
