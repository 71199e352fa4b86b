"""The poll that stands where a sleep would."""

from __future__ import annotations

import pytest

from tests.eventually import eventually


async def test_eventually_returns_the_first_true_answer():
    answers = iter([0, None, "there"])
    assert await eventually(lambda: next(answers)) == "there"


async def test_eventually_takes_an_assertion_as_not_yet():
    tries = 0

    async def has_been_tried_twice() -> bool:
        nonlocal tries
        tries += 1
        assert tries >= 2, "too early"
        return True

    assert await eventually(has_been_tried_twice)


async def test_eventually_says_what_never_came_true():
    with pytest.raises(AssertionError, match=r"a bar did not come true within 0.02 s; .* 0"):
        await eventually(lambda: 0, timeout_s=0.02, wanted="a bar")


async def test_eventually_keeps_the_last_failure():
    def refuse() -> bool:
        raise AssertionError("refused")  # noqa: EM101 (the message is what is tested)

    with pytest.raises(AssertionError) as failure:
        await eventually(refuse, timeout_s=0.02)
    assert str(failure.value.__cause__) == "refused"
