"""From Arrow columns to NumPy: numbers, texts, days and instants, with a mask of what is wrong.

Whole columns are converted at once; only where a column holds something odd are its values looked
at one by one, and then each distinct value once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from strikewire.core.errors import FileLayoutError
from strikewire.core.instants import DAY_NS, MICROSECOND_NS, SECOND_NS, from_date, from_datetime

#: Instants outside are slips of the pen or of a unit: no exchange here recorded any before.
EARLIEST_NS: Final = from_date(date(1990, 1, 1))
LATEST_NS: Final = from_date(date(2100, 1, 1))

#: A pyarrow array. Its stubs know neither dictionary arrays nor what the compute functions return.
ArrowArray = Any

_UNKNOWN: Final = pa.array(["", "-", "nan", "null", "none", "na", "n/a"])
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_EPOCH: Final = re.compile(r"\d{9,19}|\d{9,12}\.\d{1,9}", re.ASCII)
#: A bare number is seconds, milliseconds, microseconds or nanoseconds since 1970: between 1990 and
#: 2100 these ranges are far apart.
_EPOCH_UNITS: Final = (
    (0, SECOND_NS),
    (10**11, 1_000_000),
    (10**14, MICROSECOND_NS),
    (10**17, 1),
)
#: Fewer digits are a day written as `20190829`.
_LEAST_EPOCH: Final = 100_000_000
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        start=1,
    )
}
_INVALID: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Instants:
    """Times as a file writes them.

    Parameters
    ----------
    values_ns : int64 (n,); UTC where `has_zone`, else local to the exchange.
    has_zone : bool (n,): the value says its offset, or is an epoch number.
    is_bad : bool (n,): not a time, or one before 1990 or after 2100.
    """

    values_ns: npt.NDArray[np.int64]
    has_zone: npt.NDArray[np.bool_]
    is_bad: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers: float64 (n,), NaN unknown, and bool (n,) what is no number."""

    values: npt.NDArray[np.float64]
    is_bad: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Codes:
    """A column of texts, each distinct one once: `texts[codes[row]]`; codes int32 (n,)."""

    texts: list[str]
    codes: npt.NDArray[np.int32]


def to_texts(array: ArrowArray) -> ArrowArray:
    """Return any column as trimmed text, nothing as empty text.

    Raises
    ------
    FileLayoutError : it cannot be read as text at all.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not pa.types.is_string(array.type):
        array = _cast(array, pa.string())
    if array.null_count:
        array = pc.fill_null(array, "")
    try:
        return pc.utf8_trim_whitespace(array)
    except pa.ArrowInvalid as error:
        msg = f"text in UTF-8 was wanted: {error}"
        raise FileLayoutError(msg) from error


def to_text(array: ArrowArray, row: int) -> str:
    """Return one value as text, whatever it is; for messages."""
    try:
        return str(array.slice(row, 1).cast(pa.string())[0].as_py())
    except pa.ArrowException:
        # By Arrow, not by Python, whose dates end at 9999 and know no nanoseconds.
        return f"something of type {array.type}"


def to_codes(array: ArrowArray) -> Codes:
    """Return a column's distinct texts, trimmed, and which one each row has."""
    if pa.types.is_dictionary(array.type) and not array.null_count:
        # Trimming can make two entries equal, so they are encoded again; few of them, not all rows.
        inner = to_texts(array.dictionary).dictionary_encode()
        places = inner.indices.to_numpy(zero_copy_only=False)
        codes = places[array.indices.to_numpy(zero_copy_only=False)]
        return Codes(inner.dictionary.to_pylist(), codes.astype(np.int32))
    encoded = to_texts(array).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return Codes(encoded.dictionary.to_pylist(), codes.astype(np.int32))


def to_numbers(array: ArrowArray) -> Numbers:
    """Return a column as float64; blank, `-` and `nan` are unknown, infinity is no number."""
    if pa.types.is_string(array.type) or pa.types.is_dictionary(array.type):
        values, is_bad = _read_numbers(to_texts(array))
    elif _is_number(array.type):
        floats = array if pa.types.is_float64(array.type) else _cast(array, pa.float64())
        values = floats.to_numpy(zero_copy_only=False).astype(np.float64, copy=True)
        is_bad = np.zeros(len(values), dtype=np.bool_)
    else:
        values, is_bad = _read_numbers(to_texts(array))
    is_infinite = np.isinf(values)
    values[is_infinite] = np.nan
    return Numbers(values, is_bad | is_infinite)


def to_instants(array: ArrowArray) -> Instants:
    """Return a column of timestamps.

    Read are RFC 3339 with and without offset, a day alone, `29-Aug-2019`, epoch seconds to
    nanoseconds, and the types timestamp and date of Parquet.
    """
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        has_zone = pa.types.is_timestamp(kind) and kind.tz is not None
        values = _scale_timestamps(array)
        return _check(values, np.full(len(values), has_zone))
    if _is_number(kind):
        epochs = _to_int64(array) if pa.types.is_integer(kind) else to_numbers(array).values
        return _check(_scale_epochs(epochs), np.ones(len(array), dtype=np.bool_))
    texts = to_texts(array)
    for zone in (None, "UTC"):
        try:
            values = _to_int64(texts.cast(pa.timestamp("ns", zone)))
        except pa.ArrowInvalid:
            continue
        return _check(values, np.full(len(values), zone is not None))
    try:
        epochs = _to_int64(texts)
        if len(epochs) and epochs.min() >= _LEAST_EPOCH:
            return _check(_scale_epochs(epochs), np.ones(len(array), dtype=np.bool_))
    except pa.ArrowInvalid:
        pass  # not numbers either: something odd among them, or a day with the name of its month
    codes = to_codes(texts)
    found = [_parse_instant(text) for text in codes.texts]
    values = np.array([value for value, _ in found], dtype=np.int64)[codes.codes]
    return _check(values, np.array([zoned for _, zoned in found], dtype=np.bool_)[codes.codes])


def to_days(array: ArrowArray) -> Instants:
    """Return a column of days, as the exchange's local midnight; anything with a time is bad."""
    if pa.types.is_date(array.type) or pa.types.is_timestamp(array.type):
        found = to_instants(array)
        is_bad = found.is_bad | found.has_zone | (found.values_ns % DAY_NS != 0)
        return Instants(found.values_ns, np.zeros(len(is_bad), dtype=np.bool_), is_bad)
    codes = to_codes(array)
    days = [parse_day(text) for text in codes.texts]
    values = np.array([_INVALID if day is None else from_date(day) for day in days], np.int64)
    return _check(values[codes.codes], np.zeros(len(array), dtype=np.bool_))


def to_times_of_day(array: ArrowArray) -> Numbers:
    """Return a column of times of day as nanoseconds after midnight (exact in float64)."""
    if pa.types.is_time(array.type):
        array = _cast(array, pa.time64("ns"))
    codes = to_codes(array)
    values = np.array([_parse_time(text) for text in codes.texts], dtype=np.float64)[codes.codes]
    return Numbers(values, np.isnan(values))


def parse_day(text: str) -> date | None:
    """Read `2019-08-29`, `20190829`, `29-Aug-2019`, `29-AUG-19`; None for anything else.

    A day of digits and slashes is not read: nobody can tell 03/04 from 04/03. Nor is one before
    1990 or after 2099.
    """
    parts = text.lower().split("-")
    try:
        if len(parts) == 3 and parts[1] in _MONTHS:
            year = int(parts[2]) + (2000 if len(parts[2]) == 2 else 0)
            day = date(year, _MONTHS[parts[1]], int(parts[0]))
        else:
            day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST_NS <= from_date(day) < LATEST_NS else None


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _cast(array: ArrowArray, wanted: pa.DataType) -> ArrowArray:
    """Cast by type; a number may lose digits.

    Raises
    ------
    FileLayoutError : there is no such cast: the column is of a type that makes no sense here.
    """
    try:
        return pc.cast(array, wanted, safe=pa.types.is_string(wanted))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        msg = f"a column that can be read as {wanted} was wanted, found {array.type}: {error}"
        raise FileLayoutError(msg) from error


def _to_int64(instants: ArrowArray) -> npt.NDArray[np.int64]:
    # An unsigned number that is too large becomes a negative one, which is no instant of ours.
    is_safe = not pa.types.is_uint64(instants.type)
    numbers = pc.fill_null(instants.cast(pa.int64(), safe=is_safe), _INVALID)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)


def _read_numbers(texts: ArrowArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values.copy(), np.zeros(len(values), dtype=np.bool_)
    except pa.ArrowInvalid:
        is_number = pc.match_substring_regex(texts, _NUMBER)
        is_unknown = pc.is_in(pc.utf8_lower(texts), value_set=_UNKNOWN)
        readable = pc.if_else(is_number, texts, pa.scalar(None, pa.string()))
        values = readable.cast(pa.float64()).to_numpy(zero_copy_only=False)
        is_bad = ~pc.or_(is_number, is_unknown).to_numpy(zero_copy_only=False)
        return values.astype(np.float64), is_bad


def _scale_timestamps(array: ArrowArray) -> npt.NDArray[np.int64]:
    """Return timestamps and dates of any unit as nanoseconds; `_INVALID` where they do not fit.

    Not by a cast, which lets the year 9999 wrap around to one that looks sound.
    """
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s"))
    unit_ns = {"s": SECOND_NS, "ms": 1_000_000, "us": MICROSECOND_NS, "ns": 1}[array.type.unit]
    values = _to_int64(array)
    fits = (values >= 0) & (values < LATEST_NS // unit_ns)
    return np.where(fits, np.where(fits, values, 0) * unit_ns, _INVALID)


def _scale_epochs(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return epoch numbers of any unit, int64 or float64, as nanoseconds; `_INVALID` for others.

    Integers stay exact. A float of seconds keeps its fraction to about a microsecond.
    """
    instants = np.full(len(values), _INVALID, dtype=np.int64)
    for least, unit_ns in _EPOCH_UNITS:
        is_unit = (values >= least) & (values < LATEST_NS // unit_ns)
        whole = np.floor(values[is_unit]).astype(np.int64)
        fraction_ns = np.round((values[is_unit] - whole) * unit_ns).astype(np.int64)
        instants[is_unit] = whole * unit_ns + fraction_ns
    return instants


def _check(values: npt.NDArray[np.int64], has_zone: npt.NDArray[np.bool_]) -> Instants:
    return Instants(values, has_zone, (values < EARLIEST_NS) | (values >= LATEST_NS))


def _parse_instant(text: str) -> tuple[int, bool]:
    """Return nanoseconds and whether they are UTC; `_INVALID` for what is no time."""
    day = parse_day(text)
    if day is not None:
        return from_date(day), False
    if _EPOCH.fullmatch(text):
        number = int(text) if text.isdecimal() else float(text)
        return int(_scale_epochs(np.array([number]))[0]), True
    try:
        moment = datetime.fromisoformat(text)
        has_zone = moment.tzinfo is not None
        value = from_datetime(moment if has_zone else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return _INVALID, False
    return (value if EARLIEST_NS <= value < LATEST_NS else _INVALID), has_zone


def _parse_time(text: str) -> float:
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        return float("nan")
    if moment.tzinfo is not None:
        return float("nan")
    seconds = moment.hour * 3_600 + moment.minute * 60 + moment.second
    return float(seconds * SECOND_NS + moment.microsecond * MICROSECOND_NS)
