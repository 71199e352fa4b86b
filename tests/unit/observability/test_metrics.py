from __future__ import annotations

import re
from pathlib import Path

import pytest

from strikewire.observability.metrics import (
    CACHE_HITS,
    SAMPLED_FAMILIES,
    STREAM_DELIVERY_SECONDS,
    UPTIME,
    build_metrics,
)


def test_exposition_shows_counted_and_sampled_metrics():
    metrics = build_metrics(version="1.2.3")
    metrics.requests.labels("GET", "/udf/time", "200").inc()
    metrics.sample(CACHE_HITS, lambda: [(("pages",), 7.0)])
    metrics.sample_value(UPTIME, lambda: 1.5)

    text = metrics.expose()[0].decode()

    assert 'strikewire_requests_total{method="GET",route="/udf/time",status="200"} 1.0' in text
    assert 'strikewire_cache_hits_total{cache="pages"} 7.0' in text
    assert "strikewire_uptime_seconds 1.5" in text
    assert 'strikewire_build_info{version="1.2.3"} 1.0' in text


def test_histogram_kept_as_numbers_is_shown_as_prometheus_counts():
    metrics = build_metrics(version="0")
    metrics.sample_histogram(
        STREAM_DELIVERY_SECONDS, (0.001, 0.1), lambda: [(("bars",), [2, 1, 4], 9.5)]
    )

    text = metrics.expose()[0].decode()

    name = "strikewire_stream_delivery_seconds"
    assert f'{name}_bucket{{kind="bars",le="0.001"}} 2.0' in text
    assert f'{name}_bucket{{kind="bars",le="0.1"}} 3.0' in text
    assert f'{name}_bucket{{kind="bars",le="+Inf"}} 7.0' in text
    assert f'{name}_sum{{kind="bars"}} 9.5' in text


def test_family_shown_twice_is_refused():
    metrics = build_metrics(version="0")
    metrics.sample_value(UPTIME, lambda: 0.0)

    with pytest.raises(ValueError, match="uptime"):
        metrics.sample_value(UPTIME, lambda: 0.0)


def test_two_programs_in_one_process_do_not_share_a_registry():
    first, second = build_metrics(version="0"), build_metrics(version="0")
    first.requests.labels("GET", "/", "200").inc()

    assert "strikewire_requests_total{" not in second.expose()[0].decode()


@pytest.mark.parametrize("family", SAMPLED_FAMILIES, ids=lambda family: family.name)
def test_family_is_named_as_prometheus_wants(family):
    assert re.fullmatch(r"strikewire_[a-z_]+", family.name)
    assert not family.name.endswith("_total")
    assert family.help.endswith(".")


def test_documentation_names_every_metric_and_no_other():
    page = (Path(__file__).parents[3] / "docs/reference/health.md").read_text()
    table = page[page.index("## Metrics") : page.index("and the process's own")]
    documented = {name.removesuffix("_total") for name in re.findall(r"`(strikewire_\w+)`", table)}
    counted = {
        family.name
        for family in build_metrics(version="0").registry.collect()
        if family.name.startswith("strikewire_")
    }

    assert documented == counted | {family.name for family in SAMPLED_FAMILIES}
