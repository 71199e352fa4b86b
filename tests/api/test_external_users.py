"""Tokens of an external user service: a real one on a real port, with keys that rotate."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strikewire.auth.credentials import Caller, CredentialKind, Credentials
from strikewire.auth.scopes import ROLE_SCOPES, Role, Scope
from strikewire.core.errors import ConflictError, CredentialRefusedError
from tests.api.conftest import make_database, serve
from tests.api.people import OPERATOR, add_user, bearer, get_me, issue_tokens, make_people_settings
from tests.eventually import eventually

ISSUER = "https://people.example.com"
AUDIENCE = "desk"


class UserService:
    """An external user service: it has keys, tells the public halves, and signs tokens."""

    def __init__(self):
        self.private = {}
        self.fetches = 0
        self.answer = None
        self.status = 200
        self.headers = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.fetches += 1
                body = service.answer
                if body is None:
                    body = json.dumps({"keys": service.list_public()}).encode()
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def add_key(self, kid, private, **extra):
        self.private[kid] = (private, extra)

    def list_public(self):
        found = []
        for kid, (private, extra) in self.private.items():
            algorithm = jwt.get_algorithm_by_name(name_algorithm(private))
            public = algorithm.to_jwk(private.public_key(), as_dict=True)
            found.append(public | {"kid": kid} | extra)
        return found

    def sign(self, kid="ed", *, headers=None, **changes):
        now_s = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "asha", "iat": now_s, "exp": now_s + 300,
            "roles": ["trader"], "account_ids": [7, 11],
        } | changes  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        private = self.private[kid][0]
        return jwt.encode(
            claims, private, algorithm=name_algorithm(private),
            headers={"kid": kid} | (headers or {}),
        )  # fmt: skip

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def encode(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def name_algorithm(private):
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    return "ES256" if isinstance(private, ec.EllipticCurvePrivateKey) else "RS256"


@pytest.fixture(scope="module")
def people():
    service = UserService()
    service.add_key("ed", ed25519.Ed25519PrivateKey.generate())
    service.add_key("ec", ec.generate_private_key(ec.SECP256R1()))
    service.add_key("rsa", rsa.generate_private_key(65537, 2048))
    yield service
    service.close()


def make_external_settings(url, people, **given):
    return make_people_settings(
        url,
        user_service_issuer=ISSUER,
        user_service_audience=AUDIENCE,
        user_service_jwks_url=people.url,
        **given,
    )


@pytest.fixture(scope="module")
async def desk(postgres_url, people):
    async with (
        make_database(postgres_url) as url,
        serve(make_external_settings(url, people)) as service,
    ):
        await add_user(service, "asha")
        yield service


async def ask(service, token):
    return await get_me(service, **bearer(token))


@pytest.mark.parametrize("kid", ["ed", "ec", "rsa"])
async def test_bearer_of_a_good_token_is_who_it_says(desk, people, kid):
    me = (await ask(desk, people.sign(kid))).json()

    assert (me["subject"], me["credential"]) == ("external:asha", "external")
    assert (me["roles"], me["account_ids"]) == (["trader"], [7, 11])
    assert str(Scope.REPLAY_CONTROL) in me["scopes"]
    # An account of its own: the local user of that name is another one.
    local = await desk.runtime.people.accounts.get_by_login("asha")
    external = await desk.runtime.people.accounts.get(me["user_id"])
    assert external.id != local.id
    assert external.origin == "external"
    assert not external.has_password


@pytest.mark.promise("S6")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "strikewire"},
        {"iss": "https://other.example.com"},
        {"iss": None},
        {"aud": "another program"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"nbf": 4_000_000_000},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
        {"account_ids": "7"},
        {"account_ids": [True]},
        {"account_ids": [-1]},
        {"account_ids": [7.5]},
        {"headers": {"jku": "http://127.0.0.1:1/jwks"}},
        {"headers": {"x5u": "http://127.0.0.1:1/x"}},
        {"headers": {"typ": "logout+jwt"}},
        {"headers": {"crit": ["b64"], "b64": True}},
        {"headers": {"kid": "unknown"}},
        {"headers": {"kid": "ec"}},
    ],
)
async def test_bad_token_is_refused(desk, people, changes):
    try:
        token = people.sign(**changes)
    except jwt.PyJWTError:
        token = people.sign(headers={"crit": ["x"], "x": 1})

    answer = await ask(desk, token)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


@pytest.mark.promise("S6")
async def test_token_signed_with_the_public_key_as_a_secret_is_refused(desk, people):
    now_s = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "iat": now_s, "exp": now_s + 60}
    public = people.private["rsa"][0].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = ({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims)
    signed = ".".join(encode(json.dumps(part).encode()) for part in parts)
    token = f"{signed}.{encode(hmac.digest(pem, signed.encode(), 'sha256'))}"

    assert (await ask(desk, token)).status_code == 401


async def test_algorithm_that_is_not_set_is_not_taken(postgres_url, people):
    async with (
        make_database(postgres_url) as url,
        serve(make_external_settings(url, people, user_service_algorithms="ES256")) as service,
    ):
        taken = await ask(service, people.sign("ec"))
        others = [await ask(service, people.sign(kid)) for kid in ("ed", "rsa")]

    assert taken.status_code == 200
    assert {answer.status_code for answer in others} == {401}


async def test_roles_and_scopes_are_read_where_the_settings_say(postgres_url, people):
    settings = {
        "user_service_roles_claim": "realm_access.roles",
        "user_service_scopes_claim": "scope",
    }
    async with (
        make_database(postgres_url) as url,
        serve(make_external_settings(url, people, **settings)) as service,
    ):
        me = await ask(
            service,
            people.sign(
                realm_access={"roles": ["viewer", "king", 7]},
                scope="self:read bars:read users:write",
            ),
        )
        nobody = await ask(service, people.sign(realm_access="admin", scope="self:read"))

    assert me.json()["roles"] == ["viewer"]
    # What the role may not do, a scope does not give.
    assert me.json()["scopes"] == ["bars:read", "self:read"]
    assert nobody.status_code == 403


async def test_nobody_makes_or_takes_over_who_may_do_more(postgres_url, people):
    # An administrator by role whose token may change users and little else: by a user it makes, or
    # a password it sets, it would be everything after all.
    async with (
        make_database(postgres_url) as url,
        serve(make_external_settings(url, people, user_service_scopes_claim="scope")) as service,
    ):
        root = await add_user(service, "root", Role.ADMIN)
        viewer = await add_user(service, "viewer")
        token = people.sign(
            roles=["admin"], scope=["users:read", "users:write", *ROLE_SCOPES[Role.VIEWER]]
        )
        one, other = f"/api/v1/users/{root.id}", f"/api/v1/users/{viewer.id}"

        async def ask_as(method, path, **body):
            return await service.client.request(
                method, path, headers=bearer(token), json=body or None
            )

        refused = [
            await ask_as("POST", "/api/v1/users", login="evil", roles=["admin"]),
            await ask_as("PATCH", one, display_name="x"),
            await ask_as("POST", f"{one}/setup-link"),
            await ask_as("DELETE", one),
            await ask_as("PATCH", other, roles=["viewer", "trader"]),
        ]
        allowed = [
            await ask_as("POST", "/api/v1/users", login="good", roles=["viewer"]),
            await ask_as("PATCH", other, display_name="x"),
        ]

    assert [answer.status_code for answer in refused] == [403] * 5
    assert [answer.status_code for answer in allowed] == [201, 200]


@pytest.mark.promise("S5")
async def test_administrator_shuts_an_external_user_out(desk, people):
    token = people.sign(sub="shut-out")
    me = (await ask(desk, token)).json()

    await desk.runtime.people.accounts.change(me["user_id"], is_active=False, actor=OPERATOR)
    during = await ask(desk, token)
    fresh = await ask(desk, people.sign(sub="shut-out", roles=["admin"]))
    await desk.runtime.people.accounts.change(me["user_id"], is_active=True, actor=OPERATOR)
    after = await ask(desk, token)

    assert (during.status_code, fresh.status_code, after.status_code) == (401, 401, 200)


async def test_roles_of_the_account_follow_the_newest_token(desk, people):
    now_s = int(time.time())
    accounts = desk.runtime.people.accounts
    first = (await ask(desk, people.sign(sub="moved", iat=now_s - 120, roles=["admin"]))).json()
    newer = await ask(desk, people.sign(sub="moved", iat=now_s, roles=["viewer"]))
    after = await accounts.get(first["user_id"])
    # An older token that is still good does not bring the old roles back. (Another one than the
    # first: what that one said is remembered for half a second.)
    older = await ask(desk, people.sign(sub="moved", iat=now_s - 110, roles=["admin"]))

    assert newer.json()["roles"] == ["viewer"]
    assert after.roles == {"viewer"}
    assert older.status_code == 200
    assert (await accounts.get(first["user_id"])).roles == {"viewer"}


async def test_roles_of_an_external_user_are_not_changed_here(desk, people):
    me = (await ask(desk, people.sign(sub="fixed"))).json()
    accounts = desk.runtime.people.accounts

    with pytest.raises(ConflictError, match="come along"):
        await accounts.change(me["user_id"], roles=["admin"], actor=OPERATOR)
    with pytest.raises(ConflictError, match="has no password here"):
        await accounts.set_password(
            await accounts.get(me["user_id"]), "a long password", actor=OPERATOR
        )


async def test_new_key_is_found_when_a_token_names_it(postgres_url):
    people = UserService()
    people.add_key("one", ed25519.Ed25519PrivateKey.generate())
    try:
        async with (
            make_database(postgres_url) as url,
            serve(make_external_settings(url, people)) as service,
        ):
            (external,) = [
                each
                for each in service.runtime.identity._authenticators  # noqa: SLF001
                if type(each).__name__ == "ExternalIdentity"
            ]
            elapsed_ns = 0
            external._keys._elapsed_ns = lambda: elapsed_ns  # noqa: SLF001 - time, by hand
            assert (await ask(service, people.sign("one"))).status_code == 200
            people.add_key("two", ed25519.Ed25519PrivateKey.generate())
            early = await ask(service, people.sign("two"))
            made_up = [
                await ask(service, people.sign("one", headers={"kid": f"made-up-{n}"}))
                for n in range(10)
            ]
            fetches_within_the_floor = people.fetches
            elapsed_ns += 11 * 10**9
            late = await ask(service, people.sign("two"))
            fetches = people.fetches

            # The service goes away: what was fetched goes on, for a day.
            people.status = 500
            elapsed_ns += 3_600 * 10**9
            away = await ask(service, people.sign("two"))
            elapsed_ns += 86_400 * 10**9
            long_away = await ask(service, people.sign("two"))
    finally:
        people.close()

    assert early.status_code == 401
    assert {answer.status_code for answer in made_up} == {401}
    assert fetches_within_the_floor == 1
    assert (late.status_code, fetches) == (200, 2)
    assert away.status_code == 200
    assert long_away.status_code == 503
    assert long_away.json()["error"]["code"] == "user_service_unavailable"


@pytest.mark.parametrize(
    "trouble",
    [
        {"answer": b"not json"},
        {"answer": b"[]"},
        {"answer": b'{"keys": 7}'},
        {"answer": b"x" * 600_000},
        {"status": 404},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
    ],
    ids=["text", "list", "no-list", "long", "404", "redirect"],
)
async def test_service_in_trouble_is_503_and_nothing_else_suffers(postgres_url, trouble):
    people = UserService()
    people.add_key("one", ed25519.Ed25519PrivateKey.generate())
    for name, value in trouble.items():
        setattr(people, name, value)
    try:
        async with (
            make_database(postgres_url) as url,
            serve(make_external_settings(url, people)) as service,
        ):
            await add_user(service, "ravi")
            answer = await ask(service, people.sign("one"))
            tokens = await issue_tokens(service, "ravi")
            own = await ask(service, tokens["access_token"])
            fetches = people.fetches
    finally:
        people.close()

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "user_service_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert own.status_code == 200
    # The redirect was not followed.
    assert fetches == 1


async def test_service_that_never_answers_keeps_nobody_waiting(postgres_url):
    async def hold(_reader, writer):
        await asyncio.sleep(30)
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    people = UserService()
    people.add_key("one", ed25519.Ed25519PrivateKey.generate())
    settings = {"user_service_timeout_s": 0.2}
    try:
        async with make_database(postgres_url) as url:
            people_url, people.url = people.url, f"http://127.0.0.1:{port}/"
            async with serve(make_external_settings(url, people, **settings)) as service:
                answers = await asyncio.gather(
                    *(ask(service, people.sign("one")) for _ in range(5))
                )
                live = await service.client.get("/health/live")
            people.url = people_url
    finally:
        silent.close()
        people.close()

    assert {answer.status_code for answer in answers} == {503}
    assert max(float(answer.headers["x-process-time"]) for answer in answers) < 3.0
    assert live.status_code == 200


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
async def test_weak_and_symmetric_keys_of_the_service_are_passed_over(postgres_url):
    people = UserService()
    people.add_key("weak", rsa.generate_private_key(65537, 1024))  # noqa: S505 - that is the point
    people.add_key("encrypts", ed25519.Ed25519PrivateKey.generate(), use="enc")
    people.add_key("good", ed25519.Ed25519PrivateKey.generate())
    people.answer = json.dumps(
        {"keys": [*people.list_public(), {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}, 7, {}]}
    ).encode()
    try:
        async with (
            make_database(postgres_url) as url,
            serve(make_external_settings(url, people)) as service,
        ):
            good = await ask(service, people.sign("good"))
            bad = [await ask(service, people.sign(kid)) for kid in ("weak", "encrypts")]
    finally:
        people.close()

    assert good.status_code == 200
    assert {answer.status_code for answer in bad} == {401}


async def test_socket_of_an_expired_token_is_not_renewed(desk, people):
    caller = Caller(
        address="192.0.2.1", method="GET", host="desk", is_forwarded=False, is_cross_site=False,
        credentials=Credentials(bearer=people.sign(exp=int(time.time()) - 28)),
    )  # fmt: skip
    identity = desk.runtime.identity
    principal = await identity.authenticate(caller)
    assert principal.credential is CredentialKind.EXTERNAL

    async def is_refused():
        try:
            await identity.renew(principal, caller)
        except CredentialRefusedError:
            return True
        return False

    await eventually(is_refused)
