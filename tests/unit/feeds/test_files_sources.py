"""Files nobody vouches for: archives, caps, damage. Nothing is unpacked, everything is counted."""

import gzip
import io
import struct
import zipfile

import pytest

from strikewire.core.errors import FileLayoutError
from strikewire.feeds.files import FileLimits, FileReader

TEXT = "symbol,date,open,high,low,close\n" + "".join(
    f"SBIN,2025-0{month}-{day:02d},1,2,1,1.5\n" for month in range(1, 10) for day in range(1, 29)
)
ROWS = 9 * 28


@pytest.mark.parametrize("name", ["plain.csv", "packed.csv.gz", "misnamed.parquet"])
def test_text_is_read_whatever_it_is_packed_in(reader, make_csv, name):
    whole = reader.read_all(make_csv(TEXT, name))

    assert (whole.row_count, whole.layout) == (ROWS, "bars")


def test_gzip_of_several_parts_is_one_text(reader, make_csv):
    half = len(TEXT) // 2
    packed = gzip.compress(TEXT[:half].encode()) + gzip.compress(TEXT[half:].encode())

    assert reader.read_all(make_csv(packed)).row_count == ROWS


def test_zip_with_one_member_in_a_folder_is_read(reader, make_zip):
    assert reader.read_all(make_zip({"days/": "", "days/bars.csv": TEXT})).row_count == ROWS


@pytest.mark.parametrize(
    "name", ["../bars.csv", "/etc/bars.csv", "a/../../bars.csv", "..\\bars.csv", "C:\\bars.csv"]
)
def test_zip_member_that_points_elsewhere_is_refused(reader, make_zip, tmp_path, name):
    path = make_zip({name: TEXT})

    with pytest.raises(FileLayoutError, match="zip member with a plain name"):
        reader.read_all(path)
    assert list(tmp_path.parent.glob("bars.csv")) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["made.zip"]


@pytest.mark.parametrize("members", [{}, {"a.csv": TEXT, "b.csv": TEXT}])
def test_zip_without_exactly_one_file_is_refused(reader, make_zip, members):
    with pytest.raises(FileLayoutError, match=f"one file was wanted, found {len(members)}"):
        reader.read_all(make_zip(members))


def test_zip_with_a_password_is_refused(reader, make_zip):
    path = make_zip({"bars.csv": TEXT})
    data = bytearray(path.read_bytes())
    # The flag "encrypted", in the member's header and in the directory.
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(FileLayoutError, match=r"cannot be read: .*encrypted"):
        reader.read_all(path)


@pytest.mark.promise("S26")
@pytest.mark.parametrize("pack", ["gz", "zip"])
def test_archive_that_swells_is_stopped(rules, make_csv, make_zip, pack):
    reader = FileReader(rules=rules, limits=FileLimits(max_expanded_bytes=10_000_000))
    bomb = TEXT + "SBIN,2025-01-01,1,2,1,1.5\n" * 1_000_000
    path = make_csv(bomb, "bomb.csv.gz") if pack == "gz" else make_zip({"bomb.csv": bomb})

    assert path.stat().st_size < 200_000
    with pytest.raises(FileLayoutError, match="at most 10000000 bytes may come out"):
        list(reader.read_chunks(path))


@pytest.mark.promise("S26")
def test_zip_that_lies_about_its_size_is_stopped(rules, make_zip):
    reader = FileReader(rules=rules, limits=FileLimits(max_expanded_bytes=1_000_000))
    path = make_zip({"bomb.csv": TEXT + "SBIN,2025-01-01,1,2,1,1.5\n" * 100_000})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 1_000)
    path.write_bytes(data)

    with pytest.raises(FileLayoutError):
        list(reader.read_chunks(path))


@pytest.mark.promise("S26")
def test_limits_on_file_rows_and_lines(rules, make_csv, make_parquet):
    path = make_csv(TEXT)
    columns = {name: ["1"] * 100 for name in ("symbol", "date", "open", "high", "low", "close")}

    for limits, made, message in (
        (FileLimits(max_file_bytes=1_000), path, "at most 1000 bytes, found"),
        (FileLimits(max_row_count=100), path, "at most 100 rows may be read"),
        (FileLimits(max_line_bytes=10), path, "a line may have at most 10 bytes, the first"),
        (FileLimits(max_row_count=99), make_parquet(columns), "at most 99 rows may be read"),
        (FileLimits(max_expanded_bytes=99), make_parquet(columns), "at most 99 bytes may come"),
    ):
        with pytest.raises(FileLayoutError, match=message):
            FileReader(rules=rules, limits=limits).read_all(made)


@pytest.mark.promise("S26")
def test_line_without_an_end_does_not_fill_the_memory(rules, make_csv):
    reader = FileReader(rules=rules, limits=FileLimits(max_line_bytes=100_000))
    path = make_csv(TEXT + "x" * 9_000_000)

    with pytest.raises(FileLayoutError, match="at most 100000 bytes, line 254 has more"):
        list(reader.read_chunks(path))


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_gzip_that_was_cut_off_is_refused(reader, make_csv, cut):
    packed = gzip.compress(TEXT.encode())

    with pytest.raises(FileLayoutError, match="the file cannot be read"):
        reader.read_all(make_csv(packed[: int(len(packed) * cut)]))


def test_damaged_parquet_is_refused(reader, make_parquet):
    path = make_parquet(
        {name: ["1"] * 1_000 for name in ("symbol", "date", "open", "high", "low", "close")}
    )
    data = path.read_bytes()

    for damaged in (data[:-20], data[:4] + b"\xff" * (len(data) // 4) + data[4 + len(data) // 4 :]):
        path.write_bytes(damaged)
        with pytest.raises(FileLayoutError, match=r"readable Parquet file|cannot be read"):
            reader.read_all(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a header line was wanted, found an empty one"),
        ("\n\n", "a header line was wanted, found an empty one"),
        ("symbol,date,open,high,low,close\n", "rows were wanted, found none in made.csv"),
        ("a,b,c\n1,2,3\n", r"unknown layout with the columns a, b, c\. Known are kite instruments"),
        ("symbol;date;open\nSBIN;1;2\n", "unknown layout with the columns symbol;date;open"),
        ("symbol,date,open,high,low,close,close\n", "each column once was wanted, found more of"),
        (b"\xff\xfes\x00y\x00m\x00", "comma-separated text in UTF-8 was wanted"),
    ],
)
def test_file_in_no_layout_says_what_was_found(reader, make_csv, text, message):
    with pytest.raises(FileLayoutError, match=message):
        reader.read_all(make_csv(text))


def test_file_that_is_not_there_and_folder_are_refused(reader, tmp_path):
    with pytest.raises(FileLayoutError, match="there is no such file"):
        reader.read_all(tmp_path / "absent.csv")
    with pytest.raises(FileLayoutError, match="found a folder"):
        reader.read_all(tmp_path)


def test_unknown_layout_names_the_columns_of_every_known_one(reader, make_csv):
    with pytest.raises(FileLayoutError) as caught:
        reader.detect_layout(make_csv("a,b\n"))

    for name in ("traddt", "instrument_token", "sc_code", "deliv_qty", "tottrdqty", "contracts"):
        assert name in caught.value.message
    assert caught.value.details["columns"] == ["a", "b"]


def test_stored_zip_member_is_read_from_its_own_bytes(reader, tmp_path):
    # The archive's directory at the end counts, not what stands in front of it.
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bars.csv", TEXT)
    path = tmp_path / "stored.zip"
    path.write_bytes(packed.getvalue())

    assert reader.read_all(path).row_count == ROWS
