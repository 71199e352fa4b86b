from __future__ import annotations

import pytest

from strikewire.auth.scopes import ROLE_SCOPES, Role, Scope, collect_scopes
from strikewire.core.errors import InvalidInputError
from strikewire.core.users import normalize_login


def test_each_role_may_do_what_the_lesser_may():
    assert ROLE_SCOPES[Role.VIEWER] < ROLE_SCOPES[Role.TRADER] < ROLE_SCOPES[Role.ADMIN]
    assert ROLE_SCOPES[Role.ADMIN] == frozenset(Scope)


def test_viewer_changes_nothing_but_what_is_its_own():
    writes = {each for each in ROLE_SCOPES[Role.VIEWER] if not each.endswith(":read")}

    assert writes == {Scope.SELF_WRITE, Scope.KEYS_WRITE, Scope.STREAMS_OPEN}


def test_only_administrators_see_users_and_the_audit_log():
    reserved = {Scope.USERS_READ, Scope.USERS_WRITE, Scope.AUDIT_READ, Scope.MARKET_RULES_WRITE}

    assert reserved.isdisjoint(ROLE_SCOPES[Role.TRADER])


def test_no_role_but_the_administrators_brings_real_money():
    with_it = {role for role, scopes in ROLE_SCOPES.items() if Scope.ORDERS_LIVE in scopes}

    assert with_it == {Role.ADMIN}


def test_scopes_of_several_roles_add_up():
    assert collect_scopes([]) == frozenset()
    assert collect_scopes([Role.VIEWER, Role.TRADER]) == ROLE_SCOPES[Role.TRADER]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Asha", "asha"),
        (" ravi@Example.com ", "ravi@example.com"),
        ("a", "a"),
        ("a_b-c+d.e", "a_b-c+d.e"),
    ],
)
def test_login_is_kept_in_lower_case(given, kept):
    assert normalize_login(given) == kept


@pytest.mark.parametrize("given", ["", " ", ".a", "a.", "a b", "a:b", "a\nb", "é", "a" * 255, "İ"])
def test_what_is_no_login_name_is_refused(given):
    with pytest.raises(InvalidInputError, match="login name of 1 to 254"):
        normalize_login(given)
