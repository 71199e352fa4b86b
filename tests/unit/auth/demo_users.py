"""The demo principal without a database: its account is made up."""

from __future__ import annotations

from strikewire.auth.demo import DemoIdentity
from strikewire.auth.scopes import Role
from strikewire.core.users import User, UserId, UserOrigin

DEMO = User(
    id=UserId(1),
    login="demo",
    display_name="",
    roles=frozenset(Role),
    origin=UserOrigin.DEMO,
    is_active=True,
    security_stamp=1,
    has_password=False,
    created_ns=0,
    last_login_ns=None,
)


def make_demo(*, is_allowed=True, bind_host="127.0.0.1", account=DEMO):
    async def find_account():
        return account

    return DemoIdentity(is_allowed=is_allowed, bind_host=bind_host, find_account=find_account)
