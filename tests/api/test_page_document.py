from __future__ import annotations

import json
from pathlib import Path

#: What the page's types are made from: the routes that it uses, of the whole document.
PART = Path(__file__).resolve().parents[2] / "web/openapi.json"


async def test_page_is_typed_by_the_routes_as_they_are(document):
    # The script that writes it counts in floats, as JavaScript does.
    part = json.loads(PART.read_text(), parse_int=float)
    document = json.loads(json.dumps(document), parse_int=float)
    whole = document["components"]["schemas"]

    operations = {
        path: {method: document["paths"][path][method] for method in methods}
        for path, methods in part["paths"].items()
    }
    schemas = {name: whole.get(name) for name in part["components"]["schemas"]}

    # `npm run api` in web/ writes both anew, from a running server.
    assert part["paths"] == operations
    assert part["components"]["schemas"] == schemas
