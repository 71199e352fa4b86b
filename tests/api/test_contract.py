"""The running program against its own OpenAPI document, by schemathesis: all checks, stateful."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from strikewire.bootstrap import SimulationRequest
from tests.api.conftest import make_database, make_settings, serve

CONFIG = Path(__file__).with_name("contract.toml")
#: Of all operations; what is left needs a state that a stranger cannot bring about.
REACHED_MIN = 0.7


@pytest.fixture
async def simulated(postgres_url, data_dirs):
    """Serve a simulated market: every operation has something to answer."""
    async with make_database(postgres_url) as url:
        settings = make_settings(url, data_dir=data_dirs(), rate_limit=False, simulated_strikes=2)
        async with serve(settings, SimulationRequest(speed=60.0)) as service:
            yield service


async def run_schemathesis(url: str, folder: Path, *options: str) -> tuple[int, str]:
    """Run it to its end; return its status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).parent / "schemathesis", "--config-file", CONFIG),
        *("run", f"{url}/api/v1/openapi.json", "--continue-on-failure", "--no-color"),
        *("--request-timeout", "20", "--report", "har"),
        *("--report-har-path", folder / "requests.har", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def iterate_answers(har: Path) -> Iterator[tuple[str, str, int]]:
    """Yield method, path and status of every request that was made."""
    for entry in json.loads(har.read_text())["log"]["entries"]:
        path = entry["request"]["url"].partition("://")[2].partition("/")[2].partition("?")[0]
        yield entry["request"]["method"], f"/{path}", entry["response"]["status"]


def find_operation(document, method: str, path: str) -> str | None:
    """Return the operation that a request was made to; a fixed path before a template."""
    parts = path.split("/")
    for template in sorted(document["paths"], key=lambda each: each.count("{")):
        wanted = template.split("/")
        fits = len(wanted) == len(parts) and all(
            each == part or each.startswith("{") for each, part in zip(wanted, parts, strict=True)
        )
        if fits:
            known = method.lower() in document["paths"][template]
            return f"{method} {template}" if known else None
    return None


async def hold_to_its_document(service, folder: Path, *options: str) -> None:
    status, said = await run_schemathesis(service.url, folder, *options)
    assert status == 0, said[-20_000:]

    document = (await service.client.get("/api/v1/openapi.json")).json()
    statuses = defaultdict(set)
    for method, path, answered in iterate_answers(folder / "requests.har"):
        statuses[find_operation(document, method, path)].add(answered)
    operations = {
        f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found
    }
    unreached = {each for each in operations if not any(s // 100 == 2 for s in statuses[each])}
    assert len(unreached) <= (1 - REACHED_MIN) * len(operations), unreached


async def test_program_does_what_its_document_says(simulated, tmp_path):
    await hold_to_its_document(
        simulated, tmp_path, "--max-examples", "15", "--generation-deterministic"
    )


@pytest.mark.soak
async def test_program_does_what_its_document_says_for_long(simulated, tmp_path, seed):
    await hold_to_its_document(
        simulated, tmp_path, "--max-time", "900", "--max-examples", "1000", "--seed", str(seed)
    )
