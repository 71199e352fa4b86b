"""The checks of tools/ find what they are there to find."""

from __future__ import annotations

import grimp
import pytest

from tools.check_docstrings import iterate_faults, main
from tools.import_contracts import OnlyContract

FUNCTION = '''
def price(strikes, *, spot):
    """Price.

    Parameters
    ----------
    strikes, {name} : float64 (n,).
    """
'''


def test_docstring_check_finds_a_parameter_that_is_gone():
    assert list(iterate_faults(FUNCTION.format(name="spot"))) == []
    assert list(iterate_faults(FUNCTION.format(name="forward"))) == [
        (2, "price documents `forward`, which it does not take")
    ]


def test_docstring_check_knows_fields_and_constructors():
    source = '''
class Batch:
    """A batch.

    Parameters
    ----------
    ticks : rows.
    clock, gone : who says when.

    Raises
    ------
    ValueError : never.
    """

    ticks: list

    def __init__(self, *, clock): ...
'''
    assert [message for _, message in iterate_faults(source)] == [
        "Batch documents `gone`, which it does not take"
    ]


def test_docstring_check_names_file_and_line(tmp_path, capsys):
    (tmp_path / "pricing.py").write_text(FUNCTION.format(name="forward"))
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path / 'pricing.py'}:2: price documents" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("imported", "is_kept"),
    [
        ("house.core.bars", True),
        ("numpy", True),
        ("json", True),
        ("house.store", False),
        ("sqlalchemy", False),
    ],
)
def test_only_contract_allows_what_is_named(imported, is_kept):
    graph = grimp.ImportGraph()
    for module in ("house", "house.core", "house.core.ticks", "house.core.bars", "house.store"):
        graph.add_module(module)
    if imported not in graph.modules:
        graph.add_module(imported, is_squashed=True)
    graph.add_import(importer="house.core.ticks", imported=imported)
    contract = OnlyContract(
        name="core",
        session_options={},
        contract_options={"packages": ["house.core"], "allowed": ["numpy"]},
    )
    check = contract.check(graph, verbose=False)
    assert check.kept is is_kept
    assert check.metadata["strangers"] == ([] if is_kept else [f"house.core.ticks -> {imported}"])
