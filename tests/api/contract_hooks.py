"""What schemathesis cannot guess: a password, and objects that are there. Loaded by its program.

Every other well-formed request to an operation named in STRIKEWIRE_KNOWN (JSON: by operation, what
to put in its place) is made with what is known. The others, and all that are malformed, stay as
they were drawn.
"""

from __future__ import annotations

import json
import os
from collections import Counter

import schemathesis
from schemathesis import GenerationMode

_KNOWN = json.loads(os.environ["STRIKEWIRE_KNOWN"])
_SEEN: Counter[str] = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    del context, kwargs
    label = case.operation.label
    known = _KNOWN.get(label)
    if (
        known is None
        or case.meta is None
        or case.meta.generation.mode is not GenerationMode.POSITIVE
    ):
        return
    _SEEN[label] += 1
    if _SEEN[label] % 2:
        case.path_parameters = {**(case.path_parameters or {}), **known.get("path", {})}
        case.headers.update(known.get("headers", {}))
        if "body" in known:
            case.body = known["body"]
