"""The real program with a canary in every secret it is given: none is ever to be seen (S17).

In settings, in credentials, in bodies and queries; through a start, refusals, a bug, a database
that goes away, metrics and the OpenAPI document, to the end.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from pydantic import SecretStr

from strikewire.settings import Settings, load_settings
from strikewire.settings.sources import list_field_variables
from tests.api.conftest import make_database
from tests.api.test_serving import run, start
from tests.canaries import CANARY, CANARY_KEYS, check_silence
from tests.eventually import eventually
from tests.unit.feeds.scripted_server import answer, fail, serve_script

PASSWORD = f"{CANARY}-database"
MASTER_KEY = f"{CANARY}-master-key-of-the-operator"
JWT = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
    for part in ({"alg": "EdDSA", "kid": "x"}, {"sub": CANARY}, {"x": CANARY})
)
#: What each setting that is a secret is given; the database's is made in the test.
SECRETS = {
    "database_url": f"postgresql://desk:{PASSWORD}@127.0.0.1:1/nowhere",
    "master_api_key": MASTER_KEY,
    "redis_url": f"redis://:{CANARY}-redis@127.0.0.1:1/0",
    "kite_api_key": f"{CANARY}-kite-key",
    "kite_api_secret": f"{CANARY}-kite-secret",
    "secret_keys": CANARY_KEYS,
}
#: What everybody may bring who asks.
CREDENTIALS = (
    {"Authorization": f"Bearer {CANARY}{CANARY}"},
    {"Authorization": f"Bearer {JWT}"},
    {"Authorization": f"Basic {CANARY}"},
    {"Authorization": CANARY},
    {"X-API-Key": f"swk_{CANARY[:12]}_{CANARY}"},
    {"X-API-Key": CANARY},
    {"X-API-Key": MASTER_KEY},
    {"Authorization": f"Bearer {MASTER_KEY}"},
    {"Cookie": f"strikewire_session={CANARY}; other={CANARY}"},
    {"X-CSRF-Token": CANARY, "Referer": f"http://x/?token={CANARY}"},
)

pytestmark = pytest.mark.promise("S17")


def name_variable(setting):
    return list_field_variables(setting, Settings.model_fields[setting])[0]


def list_secrets():
    return {
        name
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }


@pytest.fixture
async def desk_url(postgres_url):
    """Make a database whose owner has a canary for a password."""
    admin = await asyncpg.connect(postgres_url)
    role, port = f"desk_{uuid.uuid4().hex[:12]}", await admin.fetchval("SHOW port")
    await admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    async with make_database(postgres_url) as url:
        yield f"postgresql://{role}:{PASSWORD}@127.0.0.1:{port}{urlsplit(url).path}"
    await admin.execute(f"DROP ROLE {role}")
    await admin.close()


def test_every_secret_setting_has_a_canary():
    assert set(SECRETS) == list_secrets()


def test_settings_are_dumped_without_their_secrets():
    settings = load_settings(**SECRETS)

    check_silence(repr(settings), str(settings), settings.model_dump_json())
    check_silence(repr(settings.to_logs()), repr(settings.to_key_source()))
    held = {getattr(settings, name) for name in SECRETS}
    assert all(isinstance(each, SecretStr) for each in held)


def echo_secrets(status):
    """Answer as a broker that repeats all it knows."""
    known = (SECRETS["kite_api_key"], SECRETS["kite_api_secret"], f"{CANARY}-request")
    return fail("TokenException", status, " ".join(known))


async def log_in_with_broker(program, broker):
    """Log in with a broker that repeats secrets, and then with one that gives a token."""
    session = {"access_token": f"{CANARY}-access", "user_id": "AB1234"}
    broker.answers[:] = [echo_secrets(403), answer({"status": "success", "data": session})]
    body, key = {"request_token": f"{CANARY}-request"}, {"X-API-Key": MASTER_KEY}
    for status in (409, 200):
        made = await program.client.post("/api/v1/feed/login", json=body, headers=key)
        assert made.status_code == status, made.text
        # The page to log in on names the desk's application: it is the one place that does.
        yield made.text.replace(SECRETS["kite_api_key"], "")


async def test_program_never_shows_a_secret(desk_url):
    async with serve_script(echo_secrets(403)) as broker:
        await watch_program(desk_url, broker)


async def watch_program(desk_url, broker):
    """Run the program through a day on which much goes wrong, and see that it stays silent."""
    variables = {name_variable(name): value for name, value in SECRETS.items()}
    variables |= {name_variable("database_url"): desk_url, "LOG_LEVEL": "DEBUG"}
    told = []

    variables |= {name_variable("kite_rest_url"): broker.url, "STRIKEWIRE_LOG_SAMPLE_BURST": "0"}

    async with start("serve", **variables) as program:

        async def ask(method, path, **given):
            answer = await program.client.request(method, path, **given)
            told.extend((answer.text, str(answer.headers)))
            return answer.status_code

        for path in (
            "/health",
            "/health/pool",
            "/metrics",
            "/api/v1/openapi.json",
            "/api/v1/ready",
        ):
            assert await ask("GET", path) == 200
        for headers in CREDENTIALS:
            await ask("GET", "/api/v1/instruments", headers=headers)
            await ask("PUT", "/api/v1/market-rules/NSE/holiday/2030-01-02", headers=headers)
        for query in ("token", "access_token", "api_key", "password", "ticket"):
            assert await ask("GET", f"/api/v1/instruments?{query}={CANARY}") == 422
        for route in ("login", "tokens"):
            body = {"login": "anna", "password": CANARY}
            assert await ask("POST", f"/api/v1/auth/{route}", json=body) == 401
        bodies = (
            {"refresh_token": CANARY},
            {"refresh_token": {"deep": CANARY}, "password": CANARY},
            {"token": CANARY, "password": CANARY, "secret": [CANARY]},
        )
        for body in bodies:
            assert await ask("POST", "/api/v1/auth/refresh", json=body) >= 400
            assert await ask("POST", "/api/v1/auth/setup", json=body) >= 400
        told.extend([said async for said in log_in_with_broker(program, broker)])
        for path in ("/metrics", "/health"):
            assert await ask("GET", path) == 200
        broken = f'{{"password": "{CANARY}", "token": '
        assert await ask("POST", "/api/v1/auth/login", content=broken) >= 400

        # A bug, with its traceback in the log.
        owner = await asyncpg.connect(desk_url)
        await owner.execute("ALTER TABLE instrument_registry RENAME TO gone")
        assert await ask("GET", "/api/v1/instruments?q=x", headers=CREDENTIALS[-1]) == 500
        # A database that is away.
        await owner.execute(f"ALTER ROLE {urlsplit(desk_url).username} NOLOGIN")
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        async def is_away():
            return await ask("GET", "/api/v1/instruments/1") == 503

        await eventually(is_away)
        await owner.close()
        assert await program.stop() == 0

    lines = "".join(program.lines)
    assert "Traceback" in lines
    assert '"dependency failed"' in lines
    check_silence(lines, *told)


@pytest.mark.parametrize(
    ("command", "setting", "value"),
    [
        (("serve",), "master_api_key", CANARY),
        (("secrets", "status"), "secret_keys", CANARY),
        (("secrets", "status"), "secret_keys", f"{CANARY_KEYS},{CANARY_KEYS}"),
        (("audit", "verify"), "database_url", SECRETS["database_url"]),
        (("db", "current"), "database_url", SECRETS["database_url"]),
        (("db", "current"), "database_url", f"postgresql://desk:{PASSWORD}@[::1/x"),
        (("db", "current"), "database_url", f"mysql://desk:{PASSWORD}@db/x"),
        (("db", "current"), "database_url", f"postgresql://desk:{PASSWORD}@127.0.0.1:{CANARY}/x"),
        (("serve",), "redis_url", f"redis://:{CANARY}@127.0.0.1:port/0"),
    ],
)
async def test_command_that_is_refused_does_not_show_what_it_was_given(command, setting, value):
    status, said = await run(*command, **{name_variable(setting): value})

    assert status == 2
    assert said
    check_silence(said)


async def test_wrong_password_is_told_without_it(desk_url):
    parts = urlsplit(desk_url)
    wrong = urlunsplit(parts._replace(netloc=re.sub("database", "wrong", parts.netloc)))

    status, said = await run("db", "current", **{name_variable("database_url"): wrong})

    assert status == 2
    assert "***" not in said
    check_silence(said)
