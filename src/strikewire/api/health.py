"""`/health*`, `/metrics` and `/api/v1/ready`: how the program is, for probes and for people."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from strikewire.api import schemas
from strikewire.api.deps import RuntimeDep, get_runtime
from strikewire.api.routes import PUBLIC, Access, HotRoute, Operation, Routes
from strikewire.observability.health import DependencyState, Overall, TaskState

_TAG: Final = "health"


class LiveBody(schemas.Body):
    """The process answers."""

    status: Literal["alive"]


class ReadyBody(schemas.Body):
    """Whether requests should be sent here, and what of what is needed is there."""

    ready: bool
    dependencies: dict[str, DependencyState]


class PoolFigures(schemas.Body):
    """The database pool's connections."""

    size: int = Field(description="Connections that are open.")
    min_size: int
    max_size: int
    idle_connections: int
    in_use_connections: int
    utilization_percent: float = Field(description="In use, of the most there may be.")


class PoolBody(schemas.Body):
    """Whether the pool has a connection left."""

    status: Literal["healthy", "saturated"]
    pool: PoolFigures


class TaskBody(schemas.Body):
    """One supervised task."""

    name: str
    state: TaskState
    restarts: int
    last_error: str | None


class HealthBody(schemas.Body):
    """How the program is."""

    status: Overall
    dependencies: dict[str, DependencyState]
    tasks: list[TaskBody]
    cache: dict[str, dict[str, float]]
    uptime_s: float
    version: str
    draining: bool


async def get_live() -> dict[str, str]:
    """Say that the process answers. Depends on nothing else, so it stays green in any outage."""
    return {"status": "alive"}


async def get_ready(runtime: RuntimeDep) -> JSONResponse:
    """Say whether requests should be sent here: 200, or 503 while starting, stopping or cut off."""
    report = await runtime.health.check_ready()
    return JSONResponse(
        {"ready": report.is_ready, "dependencies": dict(report.dependencies)},
        status_code=200 if report.is_ready else 503,
    )


async def get_pool(runtime: RuntimeDep) -> dict[str, Any]:
    """Show the database pool."""
    pool = runtime.database.pool_status()
    is_saturated = pool.in_use_connections >= pool.max_size
    return {
        "status": "saturated" if is_saturated else "healthy",
        "pool": {
            "size": pool.size,
            "min_size": pool.min_size,
            "max_size": pool.max_size,
            "idle_connections": pool.idle_connections,
            "in_use_connections": pool.in_use_connections,
            "utilization_percent": pool.utilization_percent,
        },
    }


async def get_health(runtime: RuntimeDep) -> JSONResponse:
    """Say how the program is: 200 while it answers at all, 503 once only a restart helps."""
    report = await runtime.health.check()
    body = HealthBody(
        status=report.status,
        dependencies=dict(report.dependencies),
        tasks=[
            TaskBody(
                name=task.name,
                state=task.state,
                restarts=task.restarts,
                last_error=task.last_error,
            )
            for task in report.tasks
        ],
        cache={name: dict(figures) for name, figures in report.caches.items()},
        uptime_s=round(report.uptime_s, 3),
        version=report.version,
        draining=report.is_draining,
    )
    return JSONResponse(
        body.model_dump(mode="json"),
        status_code=503 if report.status is Overall.UNHEALTHY else 200,
    )


async def get_metrics(request: Request, _query: BaseModel) -> Response:
    """Show every metric in Prometheus' text format."""
    body, content_type = get_runtime(request).metrics.expose()
    return Response(body, headers={"Content-Type": content_type})


class NoQuery(BaseModel):
    """Probes and scrapers add parameters of their own; none of them means anything here."""


def add_routes(routes: Routes, *, metrics_access: Access) -> None:
    """Add the health routes.

    Parameters
    ----------
    metrics_access : `/metrics` is public unless the operator closes it.
    """
    for path, endpoint, model in (
        ("/health", get_health, HealthBody),
        ("/health/live", get_live, LiveBody),
        ("/health/ready", get_ready, ReadyBody),
        ("/health/pool", get_pool, PoolBody),
        ("/api/v1/ready", get_ready, ReadyBody),
    ):
        unwell = {} if endpoint in (get_live, get_pool) else {503: {"model": model}}
        routes.add(
            "GET", path, endpoint, access=PUBLIC, tag=_TAG, response_model=model,
            operation_id=path.strip("/").replace("/", "_"), responses=unwell,
        )  # fmt: skip
    routes.add_hot(
        HotRoute(
            path="/metrics",
            query=NoQuery,
            handler=get_metrics,
            access=metrics_access,
            operation=Operation(
                summary="Every metric, in Prometheus' text format.",
                tag=_TAG,
                media_types=("text/plain",),
            ),
        )
    )
