"""Files made by tests, and a reader for them."""

import gzip
import zipfile
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strikewire.feeds.files import FileReader
from strikewire.reference.market_rules import MarketRules, load_packaged_rules


@pytest.fixture(scope="session")
def rules():
    return MarketRules(load_packaged_rules(), through=date(2026, 12, 31))


@pytest.fixture(scope="session")
def reader(rules):
    return FileReader(rules=rules)


@pytest.fixture
def make_csv(tmp_path):
    def make(text, name="made.csv"):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        if name.endswith(".gz"):
            data = gzip.compress(data)
        path.write_bytes(data)
        return path

    return make


@pytest.fixture
def make_zip(tmp_path):
    def make(members, name="made.zip"):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, text in members.items():
                archive.writestr(member, text)
        return path

    return make


@pytest.fixture
def make_parquet(tmp_path):
    def make(columns, name="made.parquet"):
        path = tmp_path / name
        pq.write_table(pa.table(columns), path)
        return path

    return make
