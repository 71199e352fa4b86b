from strikewire.client import Gap
from strikewire.client.topic_state import TopicState

TOPIC = "bars:NSE:NIFTY 50:1m"


def make_message(kind, seq, epoch="run-1"):
    return {"type": kind, "epoch": epoch, "topic": TOPIC, "seq": seq}


def make_state(seq=5):
    state = TopicState("bars:NIFTY:1m")
    assert state.begin(make_message("snapshot", seq)) is None
    return state


def test_first_request_asks_for_a_snapshot_and_later_ones_say_where_it_stands():
    state = TopicState(TOPIC)
    assert state.make_request(0) == {"action": "subscribe", "topic": TOPIC, "id": 0}
    state.begin(make_message("snapshot", 7))
    assert state.make_request(0) | {"epoch": "run-1", "seq": 7} == state.make_request(0)


def test_events_and_states_follow_each_other():
    state = make_state(seq=5)
    assert [state.follow(make_message("bar", seq)) for seq in (5, 6, 6, 7)] == [True] * 4
    assert state.canonical == TOPIC


def test_hole_is_seen_and_nothing_is_believed_until_it_is_closed():
    state = make_state(seq=5)
    assert not state.follow(make_message("bar", 7))
    assert state.is_broken
    assert not state.follow(make_message("bar", 6))
    assert state.begin(make_message("resumed", 7)) is None
    assert state.follow(make_message("bar", 6))
    assert state.follow(make_message("bar", 7))


def test_what_another_epoch_says_is_not_for_us():
    assert not make_state().follow(make_message("bar", 6, epoch="run-2"))


def test_snapshot_elsewhere_is_a_gap_and_where_we_stand_is_none():
    assert make_state(seq=5).begin(make_message("snapshot", 5)) is None
    assert make_state(seq=5).begin(make_message("snapshot", 9, "run-2")) == Gap(
        TOPIC, "run-1", 5, "run-2", 9
    )


def test_heartbeat_tells_who_is_behind():
    state = make_state(seq=5)
    assert state.is_behind(6)
    assert not state.is_behind(5)
    assert not TopicState(TOPIC).is_behind(6)
