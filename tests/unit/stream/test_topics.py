import pytest

from strikewire.core.errors import InvalidInputError
from strikewire.stream.topics import BARS, MARKET, MAX_NAME, TopicName, parse_topic


def test_name_is_taken_apart_at_the_first_colon():
    assert parse_topic("bars:NSE:NIFTY 50:1m") == TopicName(BARS, "NSE:NIFTY 50:1m")
    assert parse_topic("market") == TopicName(MARKET, "")
    assert str(parse_topic("bars:NSE:NIFTY 50:1m")) == "bars:NSE:NIFTY 50:1m"
    assert str(parse_topic("market")) == "market"


@pytest.mark.parametrize("text", ["", "bar:NSE:X:1m", ":bars", "bars:" + "x" * MAX_NAME])
def test_name_of_no_kind_is_refused(text):
    with pytest.raises(InvalidInputError, match="bars, chain, market, monitor"):
        parse_topic(text)
