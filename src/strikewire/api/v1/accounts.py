"""`/api/v1/accounts` and `/kill-switch`: trading accounts, with a broker or on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Query, Response
from pydantic import Field, SecretStr, StrictBool, StrictInt

from strikewire.api import schemas
from strikewire.api.deps import ActorDep, PrincipalDep, RuntimeDep
from strikewire.api.idempotency import Created, OnceDep
from strikewire.api.routes import Routes
from strikewire.auth.scopes import Scope
from strikewire.core.accounts import Account, Broker
from strikewire.core.errors import InvalidInputError
from strikewire.core.money import Paise, parse_paise
from strikewire.core.users import UserId
from strikewire.desk.accounts import AccountWish, BrokerCredentials
from strikewire.desk.limits import AccountLimits
from strikewire.desk.owners import find_halted_reach, find_listed_reach
from strikewire.store.database import WriteSession
from strikewire.store.desk_accounts import AccountFilter

_TAG: Final = "accounts"
_PATH: Final = "/api/v1/accounts/{account_id}"
_MAX_ID: Final = 2**31 - 1
#: What a paper account begins with when nobody says: ten lakh rupees.
_OPENING: Final = "1000000.00"

AccountIdPath = Annotated[int, Path(ge=1, le=_MAX_ID)]
NoQuery = Annotated[schemas.Query, Query()]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Why: it is told to whoever tries to place an order.",
        examples=["fat finger"],
    ),
]
Rupees = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,13}(\.[0-9]{1,2})?$",
        description="Rupees, a decimal string to the paisa.",
        examples=["250000.00"],
    ),
]
Count = Annotated[StrictInt, Field(ge=1, le=10**12)]
BrokerUser = Annotated[
    str,
    Field(
        min_length=1,
        max_length=32,
        pattern=r"^[0-9A-Za-z]+$",
        description="Whose account it is, as the broker names them; of accounts with a broker.",
        examples=["AB1234"],
    ),
]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=256)]
OfUser = Annotated[
    int | None,
    Field(
        ge=1,
        le=_MAX_ID,
        description="Whose, by default one's own; another's needs `users:write`.",
    ),
]


class LimitsBody(schemas.Body):
    """What no order may take the account beyond; null: no limit."""

    max_orders_per_day: Count | None = Field(
        default=None, description="Orders placed in a trading day, whatever became of them."
    )
    max_order_value: Rupees | None = Field(
        default=None, description="Quantity times price of one order."
    )
    max_loss_per_day: Rupees | None = Field(
        default=None,
        description="What a trading day may lose, charges included, before orders that open "
        "anything are refused.",
    )
    max_open_quantity: Count | None = Field(
        default=None, description="Units of one contract that may be held, bought or sold."
    )

    def to_limits(self) -> AccountLimits:
        """Return them as the desk has them."""
        return AccountLimits.from_json(self.model_dump())


class CredentialsBody(schemas.Body):
    """Of the application that the account's holder has registered with the broker. Never shown."""

    api_key: Secret
    api_secret: Secret

    def to_credentials(self) -> BrokerCredentials:
        """Return them as the desk has them."""
        return BrokerCredentials(
            api_key=self.api_key.get_secret_value(), api_secret=self.api_secret.get_secret_value()
        )


class NewAccount(schemas.Body):
    """An account that is wanted."""

    name: Name = Field(examples=["Paper"])
    broker: Broker = Broker.PAPER
    opening: Rupees | None = Field(
        default=None,
        description=f"What a paper account begins with, by default {_OPENING}; of no other.",
    )
    limits: LimitsBody = LimitsBody()
    broker_user: BrokerUser | None = None
    credentials: CredentialsBody | None = Field(
        default=None, description="Of accounts with a broker."
    )
    user_id: OfUser = None

    def to_wish(self) -> AccountWish:
        """Return it as the desk has it."""
        given = self.opening or (_OPENING if self.broker is Broker.PAPER else None)
        return AccountWish(
            name=self.name,
            broker=self.broker,
            opening=Paise(0) if given is None else parse_paise(given),
            limits=self.limits.to_limits(),
            broker_user=self.broker_user,
            credentials=None if self.credentials is None else self.credentials.to_credentials(),
        )


class AccountChange(schemas.Body):
    """What is to be different; what is left out, or null, stays."""

    name: Name | None = None
    limits: LimitsBody | None = Field(
        default=None, description="All of them: one that is left out is no limit any more."
    )
    is_live: StrictBool | None = Field(
        default=None,
        description="Whether it trades with real money: needs STRIKEWIRE_LIVE_TRADING, the scope "
        "`orders:live`, every limit, and credentials.",
    )
    broker_user: BrokerUser | None = None
    credentials: CredentialsBody | None = None

    def list_changes(self) -> dict[str, Any]:
        """Return what was named, as `TradingAccounts.change` takes it.

        Raises
        ------
        InvalidInputError : nothing was.
        """
        named = {name: getattr(self, name) for name in self.model_fields_set}
        changes = {name: value for name, value in named.items() if value is not None}
        if not changes:
            msg = "at least one of name, limits, is_live, broker_user and credentials was wanted"
            raise InvalidInputError(msg)
        if self.limits is not None:
            changes["limits"] = self.limits.to_limits()
        if self.credentials is not None:
            changes["credentials"] = self.credentials.to_credentials()
        return changes


class AccountBody(schemas.Body):
    """A trading account."""

    id: int
    user_id: int = Field(description="Its owner.")
    name: str
    broker: Broker
    broker_user: str | None
    has_credentials: bool
    opening: str = Field(description="What a paper account began with, rupees.")
    limits: LimitsBody
    is_live: bool = Field(description="It trades with real money.")
    halted_at: str | None = Field(description="Since when no order is placed on it.")
    halted_because: str | None
    closed_at: str | None
    created_at: str


class AccountPage(schemas.Body):
    """Some of the accounts, and how many there are."""

    items: list[AccountBody]
    total: int
    limit: int
    offset: int


class AccountQuery(schemas.Query):
    """Which accounts."""

    user_id: OfUser = None
    include_closed: bool = False
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class HaltCommand(schemas.Body):
    """Why an account is halted."""

    reason: Reason


class HaltAllCommand(schemas.Body):
    """Whose accounts are halted, and why."""

    reason: Reason
    user_id: OfUser = None
    everybody: StrictBool = Field(
        default=False, description="All accounts there are: needs `users:write`."
    )


class HaltBody(schemas.Body):
    """What is halted now."""

    items: list[AccountBody]
    cancelled_orders: int = Field(description="Open orders that are being taken back.")


async def create_account(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    once: OnceDep,
    wanted: NewAccount,
    _query: NoQuery,
) -> Response:
    """Make an account, on paper or with a broker. No money is moved anywhere by that."""
    wish = wanted.to_wish()
    user_id = None if wanted.user_id is None else UserId(wanted.user_id)

    async def create(session: WriteSession) -> Created:
        account = await runtime.desk.accounts.create(
            session, wish, principal=principal, actor=actor, user_id=user_id
        )
        return Created(AccountBody(**account.to_json()), f"/api/v1/accounts/{account.id}")

    return await once.create(create)


async def list_accounts(
    runtime: RuntimeDep, principal: PrincipalDep, query: Annotated[AccountQuery, Query()]
) -> dict[str, Any]:
    """List accounts, the oldest first: one's own, or another user's."""
    user_id = None if query.user_id is None else UserId(query.user_id)
    wanted = AccountFilter(
        find_listed_reach(principal, user_id), is_closed_included=query.include_closed
    )
    found, total = await runtime.desk.accounts.list_page(
        wanted, limit=query.limit, offset=query.offset
    )
    return {
        "items": [each.to_json() for each in found],
        "total": total,
        "limit": query.limit,
        "offset": query.offset,
    }


async def get_account(
    runtime: RuntimeDep, principal: PrincipalDep, account_id: AccountIdPath, _query: NoQuery
) -> dict[str, Any]:
    """Show an account; its credentials are shown to nobody."""
    return (await runtime.desk.accounts.get(account_id, principal=principal)).to_json()


async def change_account(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    account_id: AccountIdPath,
    changes: AccountChange,
    _query: NoQuery,
) -> dict[str, Any]:
    """Change an account, in force for the next order that is placed on it."""
    account = await runtime.desk.accounts.change(
        account_id, changes.list_changes(), principal=principal, actor=actor
    )
    return account.to_json()


async def close_account(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    account_id: AccountIdPath,
    _query: NoQuery,
) -> dict[str, Any]:
    """Close an account, for good. What was traded on it stays to be seen.

    409 while it has orders that can still be filled.
    """
    account = await runtime.desk.accounts.close(account_id, principal=principal, actor=actor)
    return account.to_json()


async def halt_account(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    account_id: AccountIdPath,
    command: HaltCommand,
    _query: NoQuery,
) -> dict[str, Any]:
    """Throw the kill switch of an account: when this is answered no order is placed on it.

    Its open orders are cancelled within a second. Thrown again it cancels again, and the first
    reason stays.
    """
    halt = await runtime.desk.kill_switch.halt(
        account_id, command.reason, principal=principal, actor=actor
    )
    return _describe_halt(halt.accounts, halt.cancelled)


async def throw_kill_switch(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    command: HaltAllCommand,
    _query: NoQuery,
) -> dict[str, Any]:
    """Throw the kill switch of all of one's accounts; or of another user's, or of everybody's.

    All of them or none. Each is let go on by itself.
    """
    user_id = None if command.user_id is None else UserId(command.user_id)
    reach = find_halted_reach(principal, user_id, is_everybody=command.everybody)
    halt = await runtime.desk.kill_switch.halt_all(reach, command.reason, actor=actor)
    return _describe_halt(halt.accounts, halt.cancelled)


async def resume_account(
    runtime: RuntimeDep,
    principal: PrincipalDep,
    actor: ActorDep,
    account_id: AccountIdPath,
    _query: NoQuery,
) -> dict[str, Any]:
    """Let orders be placed on an account again. What was cancelled stays cancelled."""
    account = await runtime.desk.kill_switch.resume(account_id, principal=principal, actor=actor)
    return account.to_json()


def _describe_halt(accounts: Sequence[Account], cancelled: int) -> dict[str, Any]:
    return {"items": [each.to_json() for each in accounts], "cancelled_orders": cancelled}


def add_routes(routes: Routes) -> None:
    """Add the accounts' routes."""
    read: dict[str, Any] = {"access": Scope.ACCOUNTS_READ, "tag": _TAG}
    write: dict[str, Any] = {"access": Scope.ACCOUNTS_WRITE, "tag": _TAG}
    account: dict[str, Any] = {"response_model": AccountBody}
    routes.add("GET", "/api/v1/accounts", list_accounts, response_model=AccountPage, **read)
    routes.add(
        "POST", "/api/v1/accounts", create_account, audit="account.create", status_code=201,
        fails=(404, 409), **write, **account,
    )  # fmt: skip
    routes.add(
        "POST", "/api/v1/kill-switch", throw_kill_switch, audit="account.halt_all",
        response_model=HaltBody, **write,
    )  # fmt: skip
    routes.add("GET", _PATH, get_account, **read, **account)
    routes.add(
        "PATCH", _PATH, change_account, audit="account.change", fails=(409,), **write, **account
    )
    routes.add(
        "POST", f"{_PATH}/close", close_account, audit="account.close", fails=(409,),
        **write, **account,
    )  # fmt: skip
    routes.add(
        "POST", f"{_PATH}/halt", halt_account, audit="account.halt", fails=(409,),
        response_model=HaltBody, **write,
    )  # fmt: skip
    routes.add(
        "POST", f"{_PATH}/resume", resume_account, audit="account.resume", fails=(409,),
        **write, **account,
    )  # fmt: skip
