import pyarrow as pa

from strikewire.core.instants import SECOND_NS
from strikewire.feeds.files.columns import to_instants


def test_unsigned_number_too_large_for_an_instant_is_bad_and_others_are_read():
    found = to_instants(pa.array([1_672_371_900, 2**63 + 5, 2**64 - 1, None], pa.uint64()))

    assert found.is_bad.tolist()[:3] == [False, True, True]
    assert int(found.values_ns[0]) == 1_672_371_900 * SECOND_NS
