"""The journal: every frame a feed heard, on disk, in order, so that it can be told again."""

from strikewire.journal.format import RecordKind, check_session_key
from strikewire.journal.packing import is_packed, pack
from strikewire.journal.reader import JournalReader, Record
from strikewire.journal.recovery import RecoveredJournal, inspect, recover
from strikewire.journal.scan import Damage
from strikewire.journal.shelf import drop, list_journals, measure, sweep
from strikewire.journal.writer import JournalConfig, JournalPosition, JournalWriter

__all__ = [
    "Damage",
    "JournalConfig",
    "JournalPosition",
    "JournalReader",
    "JournalWriter",
    "Record",
    "RecordKind",
    "RecoveredJournal",
    "check_session_key",
    "drop",
    "inspect",
    "is_packed",
    "list_journals",
    "measure",
    "pack",
    "recover",
    "sweep",
]
