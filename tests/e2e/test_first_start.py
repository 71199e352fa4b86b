"""From an empty folder to people who sign in: the real program, and commands beside it."""

from __future__ import annotations

import re
import threading

import jwt

from tests.clients import open_sync_client
from tests.e2e.program import run_program, serve

PASSWORD = "correct horse battery staple"
FAST = {
    "STRIKEWIRE_PASSWORD_TIME_COST": "1",
    "STRIKEWIRE_PASSWORD_MEMORY_KIB": "8192",
    "STRIKEWIRE_PASSWORD_PARALLELISM": "1",
}


def read_link(server) -> str:
    """Read the set-up link from what the program prints for whoever started it."""
    found: list[str] = []

    def read():
        for line in server.stderr:
            match = re.search(r"^\s+(http://\S+/setup#swl_\S+)$", line)
            if match:
                found.append(match[1])
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=30)
    return found[0]


def test_first_start_prints_a_link_and_commands_work_beside_the_server(data_dir):
    def users(*arguments, stdin=None):
        return run_program(
            "users", *arguments, "--data-dir", data_dir, "--json", stdin=stdin, **FAST
        )

    with serve(data_dir, **FAST) as (client, server):
        before = client.get("/api/v1/auth/me").json()
        link = read_link(server)
        body = {"token": link.partition("#")[2], "password": PASSWORD, "login": "root"}
        made = client.post("/api/v1/auth/setup", json=body)
        after = client.get("/api/v1/auth/me")
        signed_in = client.post("/api/v1/auth/login", json={"login": "root", "password": PASSWORD})

        added = users("add", "asha", "--role", "trader", "--password-stdin", stdin=PASSWORD + "\n")
        listed = users("list")
        with open_sync_client(client.base_url, timeout=30) as other:
            tokens = other.post(
                "/api/v1/auth/tokens", json={"login": "asha", "password": PASSWORD}
            ).json()
            shown = {"Authorization": f"Bearer {tokens['access_token']}"}
            good = other.get("/api/v1/auth/me", headers=shown)
            rotated = run_program("signing-keys", "rotate", "--data-dir", data_dir, "--json")
            published = other.get("/api/v1/auth/jwks.json").json()["keys"]
            still_good = other.get("/api/v1/auth/me", headers=shown)
            moved = users("set-roles", "asha", "viewer")
            refused = other.get("/api/v1/auth/me", headers=shown)
            off = users("disable", "asha")
            gone = other.post(
                "/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
            )
        verified = run_program("audit", "verify", "--data-dir", data_dir, "--json")
        last = users("disable", "root")
        second = users("setup-link")
        again = users("setup-link", "asha", "--url", "https://desk.example.com/")

    assert before["credential"] == "demo"
    assert (made.status_code, after.status_code, signed_in.status_code) == (204, 401, 200)
    assert added.json()["roles"] == ["trader"]
    assert [each["login"] for each in listed.json()] == ["demo", "root", "asha"]
    assert (good.status_code, still_good.status_code) == (200, 200)
    # Another process rotated, and this one went on (S7).
    assert [each["state"] for each in rotated.json()] == ["next", "current", "previous"]
    assert {each["kid"] for each in rotated.json()} == {each["kid"] for each in published}
    assert jwt.get_unverified_header(tokens["access_token"])["kid"] == rotated.json()[2]["kid"]
    assert (moved.json()["roles"], refused.status_code) == (["viewer"], 401)
    assert (off.json()["is_active"], gone.status_code) == (False, 401)
    assert verified.json()["is_intact"]
    assert (last.status, "last administrator" in last.stderr) == (2, True)
    assert (second.status, "somebody has one already" in second.stderr) == (2, True)
    assert again.json()["url"].startswith("https://desk.example.com/password#swl_")


def test_commands_work_without_a_server_and_say_what_is_wrong(data_dir):
    def users(*arguments, stdin=None):
        return run_program("users", *arguments, "--data-dir", data_dir, stdin=stdin, **FAST)

    users("add", "root", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    users("add", "asha", "--role", "viewer")
    users("disable", "asha")
    listed = users("list")
    changed = users("set-password", "root", "--password-stdin", stdin="another long password\n")
    faults = [
        users("add", "asha", "--role", "viewer"),
        users("add", "demo", "--role", "viewer"),
        users("add", "new", "--role", "king"),
        users("set-password", "root", "--password-stdin", stdin="short\n"),
        users("set-password", "root", stdin=""),
        users("set-password", "demo", "--password-stdin", stdin=PASSWORD),
        users("enable", "nobody"),
    ]

    assert [line.split()[1] for line in listed.lines()] == ["root", "asha"]
    assert "asha  viewer  disabled" in listed.stdout
    assert changed.lines() == ["root: admin, active"]
    assert [each.status for each in faults] == [2] * 7
    assert "'asha' is taken" in faults[0].stderr
    assert "12 to 256 characters" in faults[3].stderr
    assert "there is no user 'nobody'" in faults[6].stderr
    assert all(PASSWORD not in each.stderr + each.stdout for each in faults)
