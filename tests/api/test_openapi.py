from __future__ import annotations

import gc
import weakref

import pytest
from fastapi.routing import APIRoute

from strikewire.api.app import create_app
from strikewire.api.deps import Requires
from strikewire.api.routes import (
    PUBLIC,
    PUBLIC_PATHS,
    HotRoute,
    PageRoute,
    SocketRoute,
    find_hot_routes,
)
from strikewire.auth.scopes import Scope
from strikewire.settings import load_settings

# A plain test has coroutine fixtures only beside this one.
pytestmark = pytest.mark.usefixtures("anyio_backend")


#: What describes the interface is not in its own description, nor is the page.
UNDESCRIBED = {"/api/v1/openapi.json", "/api/v1/asyncapi.json", PageRoute.PATH}


@pytest.fixture(scope="module")
def app(service):
    return create_app(service.runtime, load_settings().to_api())


def list_routes(app):
    """Return method, path and scope of every route, however it was made."""
    for route in app.routes:
        if isinstance(route, SocketRoute):
            # OpenAPI has no words for sockets; one without a scope cannot be made.
            assert isinstance(route.access, Scope)
            continue
        endpoint = route.endpoint
        if isinstance(route, PageRoute):
            yield "GET", route.path, route.access
        elif isinstance(endpoint, HotRoute):
            yield "GET", route.path, endpoint.access
        else:
            assert isinstance(route, APIRoute)
            scopes = [
                each.call.scope
                for each in route.dependant.dependencies
                if isinstance(each.call, Requires)
            ]
            assert len(scopes) <= 1
            for method in route.methods:
                yield method, route.path_format, scopes[0] if scopes else PUBLIC


async def test_document_and_routes_are_the_same(app):
    documented = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    served = {(method, path) for method, path, _ in list_routes(app)}

    # The document and the page are not of the interface they show.
    assert documented | {("GET", path) for path in UNDESCRIBED} == served


@pytest.mark.promise("S1")
async def test_every_route_declares_its_scope_or_is_on_the_public_list(app):
    routes = list(list_routes(app))

    assert {path for _, path, access in routes if access == PUBLIC} == PUBLIC_PATHS
    assert {access for _, _, access in routes if access != PUBLIC} <= set(Scope)


@pytest.mark.promise("S1")
async def test_document_tells_the_scope_of_every_route(app):
    paths = app.openapi()["paths"]

    for method, path, access in list_routes(app):
        if path in UNDESCRIBED:
            continue
        told = paths[path][method.lower()]["x-required-scope"]
        assert told == str(access)


async def test_document_is_openapi_3_1_and_every_reference_leads_somewhere(app):
    document = app.openapi()
    schemas = document["components"]["schemas"]

    def references(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    assert document["openapi"].startswith("3.1")
    found = {reference.rpartition("/")[2] for reference in references(document)}
    assert found <= set(schemas)
    assert "HTTPValidationError" not in schemas


async def test_operation_ids_are_unique(app):
    ids = [
        operation["operationId"]
        for operations in app.openapi()["paths"].values()
        for operation in operations.values()
    ]

    assert len(ids) == len(set(ids))


async def test_hot_routes_document_what_they_parse(app):
    for route in find_hot_routes(app):
        operation = app.openapi()["paths"][route.path]["get"]
        assert {each["name"] for each in operation["parameters"]} == route.known


async def test_document_is_served(client, app):
    assert (await client.get("/api/v1/openapi.json")).json()["paths"] == app.openapi()["paths"]


async def test_nothing_keeps_an_application_that_is_done_with(service):
    # FastAPI remembers the functions of routes: one of them that holds the application keeps it.
    app = weakref.ref(create_app(service.runtime, load_settings().to_api()))

    gc.collect()

    assert app() is None
