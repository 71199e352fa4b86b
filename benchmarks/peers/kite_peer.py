"""The broker's own client, its parser alone: `python kite_peer.py FRAMES RESULTS`.

`FRAMES` holds frames, each behind its length in four bytes. Answers the lines `REPEATS` on stdin as
`worker.py` does; at the end of the input what the first frame said goes to `RESULTS` as JSON, a row
per packet: token, price, volume, open interest, seconds, best bid, best offer.
"""

from __future__ import annotations

import gc
import json
import resource
import struct
import sys
import time
from pathlib import Path

from kiteconnect import KiteTicker


def read_frames(path: str) -> list[bytes]:
    data = Path(path).read_bytes()
    frames, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        frames.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return frames


def main() -> None:
    source, results = sys.argv[1:]
    frames = read_frames(source)
    # What its socket calls for each binary frame; there is no public way to have one parsed.
    parse = KiteTicker("", "")._parse_binary  # noqa: SLF001
    rows = [
        (
            tick["instrument_token"],
            tick["last_price"],
            tick["volume_traded"],
            tick["oi"],
            int(tick["exchange_timestamp"].timestamp()),
            tick["depth"]["buy"][0]["price"],
            tick["depth"]["sell"][0]["price"],
        )
        for tick in parse(frames[0])
    ]
    print("ready", flush=True)
    for line in sys.stdin:
        repeats = int(line)
        gc.collect()
        gc.disable()
        started_s = time.process_time()
        for _ in range(repeats):
            for frame in frames:
                parse(frame)
        seconds = (time.process_time() - started_s) / repeats
        gc.enable()
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(seconds, peak_mib, flush=True)
    Path(results).write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
