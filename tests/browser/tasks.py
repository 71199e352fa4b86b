"""The tasks of a page's main thread, as the browser's own trace has them."""

from __future__ import annotations

import asyncio
import contextlib

_THREAD = "CrRendererMain"
_TASK = "ThreadControllerImpl::RunTask"


@contextlib.asynccontextmanager
async def tracing(browser):
    """Give a list that holds, once this is left, how long each task took, in ms.

    Of its processor's time, and not by the clock: what else runs on the machine takes a task off
    its processor for as long as it likes, and that is not the page's doing.
    """
    session = await browser.new_browser_cdp_session()
    events, ended, found = [], asyncio.Event(), []
    session.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.set())
    await session.send(
        "Tracing.start",
        {
            "transferMode": "ReportEvents",
            "traceConfig": {"includedCategories": ["toplevel"], "excludedCategories": ["*"]},
        },
    )
    try:
        yield found
    finally:
        await session.send("Tracing.end")
        await ended.wait()
        await session.detach()
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == _THREAD
    }
    found += [
        # Left out where it is nothing.
        each.get("tdur", 0) / 1_000
        for each in events
        if each["name"] == _TASK and (each["pid"], each["tid"]) in threads
    ]
