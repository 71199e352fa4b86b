"""What schemathesis cannot guess: who asks, a password, and objects that are there.

Loaded by its program. Every other well-formed request to an operation named in STRIKEWIRE_KNOWN
(JSON: by operation, what to put in its place) is made with what is known. The others, and all that
are malformed, stay as they were drawn; but for what `always` says, which is put into every body of
those that are well formed. STRIKEWIRE_ADMIN is the Authorization of who asks; where `instead` says
so, somebody else asks, always.
"""

from __future__ import annotations

import json
import os
from collections import Counter

import schemathesis
from schemathesis import GenerationMode

_ADMIN = os.environ["STRIKEWIRE_ADMIN"]
_KNOWN = json.loads(os.environ["STRIKEWIRE_KNOWN"])
_SEEN: Counter[str] = Counter()


# What one operation is asked with is not kept for the next.
@schemathesis.auth(refresh_interval=None)
class Asking:
    """Who asks."""

    def get(self, case, context):
        del context
        return _KNOWN.get(case.operation.label, {}).get("instead", _ADMIN)

    def set(self, case, data, context):
        del context
        case.headers["Authorization"] = data


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
    if "always" in known and isinstance(case.body, dict):
        case.body = {**case.body, **known["always"]}
    _SEEN[label] += 1
    if _SEEN[label] % 2:
        case.path_parameters = {**(case.path_parameters or {}), **known.get("path", {})}
        case.query = known.get("query", case.query)
        case.headers.update(known.get("headers", {}))
        if "body" in known:
            case.body = known["body"]
