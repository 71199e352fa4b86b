"""A server that hears the fake broker, as somebody who asks it and logs it in."""

from __future__ import annotations


async def ask(service, path, **query):
    """Return what a route answers; it has to."""
    answer = await service.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def log_in(service, broker):
    """Log in with the broker as a person does."""
    answer = await service.client.post(
        "/api/v1/feed/login", json={"request_token": broker.begin_login()}
    )
    assert answer.status_code == 200, answer.text
