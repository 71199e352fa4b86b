"""The OpenAPI document: FastAPI's, and the hot routes' part of it, made from the same models.

Every status that a route can answer stands in it, so that a client, or a test, that meets another
one has found a fault of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from strikewire.api.routes import PUBLIC, HotRoute, describe_access, find_hot_routes, list_failures
from strikewire.api.schemas import ErrorBody

_SCHEMA_REF: Final = "#/components/schemas/{model}"
#: Who answers these is the gate, before the route, and so always with the one error body.
_OF_THE_GATE: Final = frozenset({400, 431})
#: The route answers these, and the gate does.
_OF_BOTH: Final = frozenset({429})


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route, hot ones included."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=app.openapi_version,
        description=app.description,
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _add_schema(schemas, ErrorBody)
    for route in find_hot_routes(app):
        document["paths"].setdefault(route.path, {})["get"] = _describe(route, schemas)
    return document


def _describe(route: HotRoute[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    content: dict[str, Any] = {media_type: {} for media_type in operation.media_types}
    if operation.response is not None:
        schema = _add_schema(schemas, operation.response)
        content[operation.media_types[0]] = {"schema": schema}
    return {
        "tags": [operation.tag],
        "summary": operation.summary,
        "operationId": route.path.strip("/").replace("/", "_").replace("-", "_"),
        "parameters": _describe_query(route.query),
        "responses": {
            "200": {"description": "Success.", "content": content},
            **({"304": {"description": "Not Modified."}} if operation.is_tagged else {}),
            **_describe_failures(route, schemas),
        },
        **describe_access(route.access),
    }


def _describe_failures(route: HotRoute[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    usual = _add_schema(schemas, ErrorBody)
    own = usual if operation.failure is None else _add_schema(schemas, operation.failure)
    statuses = list_failures(
        "GET", route.path, is_public=route.access == PUBLIC, declared=operation.fails
    )
    described = {}
    for status in statuses:
        schema: dict[str, Any] = usual if status in _OF_THE_GATE else own
        if status in _OF_BOTH and own != usual:
            schema = {"anyOf": [usual, own]}
        described[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _describe_query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_SCHEMA_REF)
    required = schema.get("required", [])
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": each.get("description", ""),
            "schema": _inline(each, definitions),
        }
        for name, each in schema.get("properties", {}).items()
    ]


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Put a query's enumerations where they are used: components hold bodies only."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return definitions[schema["$ref"].rpartition("/")[2]]
        return {
            key: _inline(value, definitions)
            for key, value in schema.items()
            if key not in ("description", "title")
        }
    if isinstance(schema, list):
        return [_inline(each, definitions) for each in schema]
    return schema


def _add_schema(schemas: dict[str, Any], model: type[BaseModel]) -> dict[str, str]:
    schema = model.model_json_schema(ref_template=_SCHEMA_REF)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {"$ref": _SCHEMA_REF.format(model=model.__name__)}
