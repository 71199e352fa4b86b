"""The scripts of tools/ find, and write, what they are there to find and write."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import grimp
import pytest

from tools.check_docstrings import iterate_faults, main
from tools.import_contracts import OnlyContract
from tools.make_example import write

ROOT = Path(__file__).resolve().parents[2]

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


def test_example_session_is_what_its_script_writes():
    written = io.StringIO()
    write(written)
    fresh = list(csv.DictReader(io.StringIO(written.getvalue())))
    checked_in = list(csv.DictReader((ROOT / "examples/session.csv").open()))
    assert len(checked_in) == 6 * 375
    for ours, theirs in zip(fresh, checked_in, strict=True):
        assert [ours[name] for name in ("symbol", "timestamp", "volume", "oi")] == [
            theirs[name] for name in ("symbol", "timestamp", "volume", "oi")
        ]
        for name in ("open", "high", "low", "close"):
            assert abs(float(ours[name]) - float(theirs[name])) < 0.051
        assert float(theirs["low"]) <= float(theirs["open"]) <= float(theirs["high"])
        assert float(theirs["low"]) <= float(theirs["close"]) <= float(theirs["high"])
