"""`strikewire import`, the real program: exit status, summary, and what is in the store then."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unmeasured import UNMEASURED

FILES = {
    "nse_fo_bhavcopy_old/fo_old_format_sample_201908.csv": 1_000,
    "nse_fo_bhavcopy_udiff/BhavCopy_NSE_FO_0_0_0_20250911_F_0000.csv.zip": 30_328,
    "nse_cm_bhavcopy/BhavCopy_NSE_CM_0_0_0_20250829_F_0000.csv.gz": 3_110,
    "nse_cm_bhavcopy/cm13JUL2020bhav.csv.gz": 2_001,
    "nse_cm_bhavcopy/sec_bhavdata_full_08082022.csv.gz": 2_255,
    "nse_cm_bhavcopy/BSE_EQ160819.CSV.gz": 2_854,
    "banknifty_1min_20221230/bnf_20221230.parquet": 38_758,
    "kite_instruments_dump/kite_instruments_nfo_202509.csv.gz": 32_504,
}
HEADER = "symbol,timestamp,open,high,low,close,volume,oi\n"
GOOD = "SBIN,2025-09-01 09:{minute:02d},100,102,99,101,750,\n"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Return a data directory for the module; the embedded server's user has to get there."""
    folder = tmp_path_factory.mktemp("import")
    for parent in (folder, *folder.parents):
        if parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder / "data"


@pytest.fixture
def run(data_dir):
    """Return a function that runs the program on the module's data directory."""

    def run(*arguments, **environment):
        program = Path(sys.executable).with_name("strikewire")
        command = [program, "import", "--data-dir", data_dir, *arguments]
        return subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment,
            timeout=300,
        )

    return run


def test_every_layout_goes_in_and_a_second_time_changes_nothing(run, shared_data):
    paths = [shared_data(name) for name in FILES]

    first = run("--json", *paths, **UNMEASURED)
    again = run("--json", *paths, **UNMEASURED)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    summary, repeated = json.loads(first.stdout), json.loads(again.stdout)
    assert [each["row_count"] for each in summary["files"]] == list(FILES.values())
    assert [each["loaded_count"] for each in summary["files"]] == list(FILES.values())
    assert (summary["fault_count"], summary["faults"], summary["refusals"]) == (0, [], [])
    for once, twice in zip(summary["files"], repeated["files"], strict=True):
        bars = 0 if once["timeframe"] is None else once["row_count"]
        assert (once["inserted"], once["updated"], once["unchanged"]) == (bars, 0, 0)
        assert (twice["inserted"], twice["updated"], twice["unchanged"]) == (0, 0, bars)


def test_planted_faults_are_told_with_their_lines_and_the_rest_goes_in(run, tmp_path):
    rows = [GOOD.format(minute=minute) for minute in range(15, 55)]
    broken = [minute * 2 for minute in range(15)] + [33, 35, 37, 39, 31, 29, 27]
    for at in broken:
        rows[at] = rows[at].replace("102", "98")
    path = tmp_path / "planted.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    faults = tmp_path / "faults.jsonl"

    done = run(path, "--faults", faults)

    lines = sorted(at + 2 for at in broken)
    assert done.returncode == 0, done.stderr
    assert "planted.csv: bars, 40 rows; 18 loaded, 22 left out; 1 instruments" in done.stdout
    told = [line for line in done.stderr.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in told] == [f"planted.csv:{at}" for at in lines[:20]]
    assert "high must not be below 101, was 98" in told[0]
    assert "... and 2 more" in done.stderr
    written = [json.loads(line) for line in faults.read_text(encoding="utf-8").splitlines()]
    assert [fault["line"] for fault in written] == lines
    assert {fault["file"] for fault in written} == {"planted.csv"}


def test_file_that_is_none_ends_with_the_reason_and_the_others_go_in(run, tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(HEADER + GOOD.format(minute=59), encoding="utf-8")
    bad.write_text("what,is,this\n1,2,3\n", encoding="utf-8")

    done = run(bad, good)

    assert done.returncode == 2
    assert "bad.csv: unknown layout with the columns what, is, this" in done.stderr
    assert "bars (close, high, low, open, symbol, timestamp)" in done.stderr
    assert "good.csv: bars, 1 rows; 1 loaded" in done.stdout
    assert "Traceback" not in done.stderr


def test_ticks_are_sent_to_replay(run, tmp_path):
    path = tmp_path / "ticks.csv"
    path.write_text("symbol,timestamp,ltp\nSBIN,2025-09-01 09:15,1\n", encoding="utf-8")

    done = run(path)

    assert done.returncode == 2
    assert "strikewire replay" in done.stderr


@pytest.mark.parametrize("arguments", [["absent.csv"], [], ["--day", "16-08-2019", "absent.csv"]])
def test_wrong_arguments_end_with_the_reason(run, arguments):
    done = run(*arguments)

    assert done.returncode == 2
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
