import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from strikewire.stream.frames import build_binary_frame, build_text_frame


def parse(frame):
    """Read a frame as a client does that was connected long ago."""
    client = ClientProtocol(parse_uri("ws://localhost/"))
    client.state = 1
    client.parser = client.parse()
    next(client.parser)
    client.receive_data(frame)
    (found,) = client.events_received()
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_frame_is_read_back_whole(size):
    payload = b"x" * size

    text, binary = parse(build_text_frame(payload)), parse(build_binary_frame(payload))

    assert (text.opcode, text.fin, bytes(text.data)) == (Opcode.TEXT, True, payload)
    assert (binary.opcode, binary.fin, bytes(binary.data)) == (Opcode.BINARY, True, payload)
