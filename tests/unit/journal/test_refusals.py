"""What the file system and other programs put in the way."""

import numpy as np
import pytest

from strikewire.core.errors import JournalError
from strikewire.journal import JournalConfig, JournalReader, JournalWriter, inspect, recover
from tests.unit.journal.recordings import dump, make_batch, make_batches, read_batches, write


def test_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "root").touch()

    with pytest.raises(JournalError, match="cannot be made"):
        JournalWriter(tmp_path / "root", "session", "made up")


def test_journal_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "session").touch()

    with pytest.raises(JournalError, match="cannot be read"):
        JournalReader(tmp_path / "session")


@pytest.mark.parametrize("use", [JournalReader, recover, inspect])
def test_segment_that_cannot_be_read_is_refused(tmp_path, use):
    (tmp_path / "00000001.swj").mkdir()

    with pytest.raises(JournalError, match=r"00000001\.swj cannot be read"):
        use(tmp_path)


def test_description_that_fills_a_header_is_refused(tmp_path):
    with pytest.raises(JournalError, match="at most 65536 bytes"):
        JournalWriter(tmp_path, "session", "x" * 70_000)
    # Nothing is held, and nothing is left behind.
    JournalWriter(tmp_path, "session", "x" * 60_000).close()


def test_ticks_recorded_with_another_layout_are_refused(tmp_path, monkeypatch):
    other = np.dtype([("seq", "<i8"), ("ltp", "<f4")])
    with monkeypatch.context() as patch:
        patch.setattr("strikewire.journal.format.TICK_DTYPE", other)
        JournalWriter(tmp_path, "session", "made up").close()

    with pytest.raises(JournalError, match="another layout of tick_dtype"):
        recover(tmp_path / "session")


def test_next_segment_that_cannot_be_begun_leaves_the_journal_usable(tmp_path):
    config = JournalConfig(segment_bytes=900)
    in_the_way = tmp_path / "session" / "00000002.new"
    with JournalWriter(tmp_path, "session", "made up", config=config) as writer:
        writer.append(make_batch(1, 5))
        in_the_way.mkdir()
        with pytest.raises(JournalError, match="begin a segment"):
            writer.append(make_batch(6, 5))
        assert writer.last_seq == 5

        in_the_way.rmdir()
        assert writer.append(make_batch(6, 5)) == 5

    assert dump(read_batches(tmp_path / "session")) == dump(make_batches([5, 5]))


def test_leftover_that_cannot_be_removed_is_an_error_of_ours(tmp_path):
    directory = write(tmp_path, make_batches([3]))
    (directory / "00000002.new").mkdir()

    with pytest.raises(JournalError, match="cannot be cut off"):
        recover(directory)


def test_sync_tells_how_far_the_disk_has_it(tmp_path):
    config = JournalConfig(segment_bytes=900)
    with JournalWriter(tmp_path, "session", "made up", config=config) as writer:
        for batch in make_batches([5, 5, 5]):
            writer.append(batch)

        position = writer.sync()

        assert (position.segment, position.last_seq, writer.buffered_bytes) == (3, 15, 0)
        assert writer.directory == tmp_path / "session"
