from __future__ import annotations

import asyncio
import threading

import pytest

from strikewire.auth.passwords import PasswordConfig, Passwords
from strikewire.core.errors import InvalidInputError, RateLimitedError

FAST = PasswordConfig(time_cost=1, memory_kib=8 * 1024, parallelism=1, workers=1, queue=1)
PASSWORD = "correct horse battery staple"


@pytest.fixture
def passwords():
    passwords = Passwords(FAST)
    yield passwords
    passwords.close()


@pytest.mark.promise("S9")
async def test_hash_is_argon2id_with_a_salt_of_its_own(passwords):
    first, second = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)

    assert first.startswith("$argon2id$v=19$m=8192,t=1,p=1$")
    assert first != second
    assert (await passwords.verify(first, PASSWORD)).is_right
    assert not (await passwords.verify(first, PASSWORD + " ")).is_right


@pytest.mark.promise("S9")
async def test_what_is_computed_runs_on_a_thread_of_its_own(passwords):
    thread = await passwords._run(threading.current_thread)  # noqa: SLF001 - to see where it runs

    assert thread is not threading.main_thread()
    assert thread.name.startswith("password")


async def test_same_password_composed_in_another_way_is_the_same(passwords):
    stored = await passwords.hash("pa\u0308ssword é long")

    assert (await passwords.verify(stored, "p\u00e4ssword e\u0301 long")).is_right


@pytest.mark.promise("S10")
@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=8192,t=1,p=1$AA$AA"])
async def test_nobodys_password_is_never_right(passwords, stored):
    for password in (PASSWORD, "", "\x00"):
        assert not (await passwords.verify(stored, password)).is_right


@pytest.mark.promise("S10")
async def test_nobodys_hash_costs_what_others_cost(passwords):
    stored = await passwords.hash(PASSWORD)

    assert passwords._nobodys.rsplit("$", 2)[0] == stored.rsplit("$", 2)[0]  # noqa: SLF001
    assert len(passwords._nobodys) == len(stored)  # noqa: SLF001


@pytest.mark.promise("S9")
async def test_right_password_is_hashed_anew_under_other_parameters(passwords):
    old = await passwords.hash(PASSWORD)
    newer = Passwords(PasswordConfig(time_cost=2, memory_kib=8 * 1024, parallelism=1))
    right = await newer.verify(old, PASSWORD)
    wrong = await newer.verify(old, "wrong")
    again = await newer.verify(right.rehashed, PASSWORD)
    newer.close()

    assert right.rehashed.startswith("$argon2id$v=19$m=8192,t=2,p=1$")
    assert (wrong.is_right, wrong.rehashed) == (False, None)
    assert (again.is_right, again.rehashed) == (True, None)


@pytest.mark.promise("S9")
async def test_who_would_have_to_wait_too_long_is_sent_away(passwords):
    waiting = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimitedError):
        await passwords.hash(PASSWORD)
    await asyncio.gather(*waiting)

    assert await passwords.hash(PASSWORD)


async def test_who_has_gone_still_takes_a_place_until_it_is_computed(passwords):
    release = threading.Event()
    gone = asyncio.create_task(passwords._run(release.wait))  # noqa: SLF001 - a hash that takes its time
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    waiting = asyncio.create_task(passwords.hash(PASSWORD))
    await asyncio.sleep(0)
    with pytest.raises(RateLimitedError):
        await passwords.hash(PASSWORD)
    release.set()

    assert await waiting
    assert await passwords.hash(PASSWORD)


@pytest.mark.parametrize(
    "password", ["eleven char", "a" * 257, "asha.the.trader", " Asha.The.Trader"]
)
def test_password_that_may_not_be_chosen_is_refused(passwords, password):
    with pytest.raises(InvalidInputError):
        passwords.check_new(password, login="asha.the.trader")


@pytest.mark.parametrize("password", ["twelve chars", "a" * 256, "пароль пароль"])
def test_any_password_that_is_long_enough_will_do(passwords, password):
    passwords.check_new(password, login="asha")
