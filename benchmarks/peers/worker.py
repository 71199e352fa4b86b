"""Run one peer on request: `python worker.py PEER DATA RESULTS`, then lines `REPEATS` on stdin.

`DATA` is an .npz of columns. Answers each line with `SECONDS MIB`: the processor time of one run,
as the mean of so many, and the most memory used so far; at the end of the input the volatilities go
to `RESULTS` as .npy. A peer is a module beside this one with `prepare(columns)`, which returns a
function that solves and measures all rows and returns their volatilities.
"""

from __future__ import annotations

import gc
import importlib
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def main() -> None:
    peer, data, results = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parent))
    # They warn about rows below intrinsic value, on each run.
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with np.load(data) as file:
        columns = {name: file[name] for name in file.files}
    run = importlib.import_module(peer).prepare(columns)
    vols = run()
    print("ready", flush=True)
    for line in sys.stdin:
        repeats = int(line)
        gc.collect()
        gc.disable()
        started_s = time.process_time()
        for _ in range(repeats):
            vols = run()
        seconds = (time.process_time() - started_s) / repeats
        gc.enable()
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(seconds, peak_mib, flush=True)
    np.save(results, np.asarray(vols, np.float64))


if __name__ == "__main__":
    main()
