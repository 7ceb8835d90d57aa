"""Alerts and dashboard ask for what /metrics really has: metrics, labels and their values."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ingest.telemetry.metrics import PrometheusMetrics
from search_ui.api.api_metrics import ApiMetrics
from tests.support.compose_file import ROOT, config, env_file, set_in, words

INFRA = ROOT / "infra"
SCRAPED = yaml.safe_load((INFRA / "prometheus.yml").read_text())
RULES = [rule for group in yaml.safe_load((INFRA / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((INFRA / "grafana" / "dashboards" / "bucketlens.json").read_text())
JOBS = {job["job_name"] for job in SCRAPED["scrape_configs"]}
OPEN = {"status", "route"}  # labels of the page whose values requests make
Labels = dict[str, set[str]]


def exposed() -> dict[str, Labels]:
    """What can be asked for: metrics, their labels, and the values of these."""
    page = ApiMetrics(lambda: 0.0)
    page.record_answer("search", 200, 0.1)
    page.record_search(dict.fromkeys(("wait", "encode", "rank", "judge", "count", "total"), 1.0))
    port = PrometheusMetrics(None).serve("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        texts = [page.render().decode(), answer.read().decode()]
    found: dict[str, Labels] = {"up": {"job": JOBS}}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = found.setdefault(sample.name, {"job": JOBS})
                for name, value in sample.labels.items():
                    labels.setdefault(name, set()).add(value)
    return found


EXPOSED = exposed()


def parsed(query: str) -> promql.Expr:
    return promql.parse(query.replace("$__rate_interval", "5m"))


def selectors(query: str) -> list[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        return True

    promql.walk(parsed(query), visit)
    return found


def panels() -> Iterator[dict[str, Any]]:
    yield from DASHBOARD["panels"]


QUERIES = [rule["expr"] for rule in RULES] + [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_asks_for_what_there_is(query: str) -> None:
    asked = selectors(query)
    assert asked
    for selector in asked:
        assert selector.name in EXPOSED
        labels = EXPOSED[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in labels
            if matcher.op == promql.MatchOp.Equal and matcher.name not in OPEN:
                assert matcher.value in labels[matcher.name]
    for grouped in re.findall(r"by \(([^)]*)\)", query):
        for label in grouped.split(", "):
            assert all(label in EXPOSED[str(selector.name)] for selector in asked)


@pytest.mark.parametrize(
    "query", ["rate(bucketlens_no_such_total[5m])", 'bucketlens_runs_total{outcome="lost"}', 'up{place="here"}']
)
def test_a_query_for_what_there_is_not_would_be_found(query: str) -> None:
    with pytest.raises(AssertionError):
        test_every_query_asks_for_what_there_is(query)


def test_a_query_that_is_none_would_be_found() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        parsed("sum by (le) (rate(up[5m])")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"] and rule["annotations"]["what_to_do"]
    assert "for" not in rule or promql.parse_duration(rule["for"])


def test_what_is_scraped_are_services_at_the_ports_where_they_tell_their_numbers(tmp_path: Path) -> None:
    services = config(env_file(tmp_path), "*")["services"]
    page, ingest = (words(services[name]["command"]) for name in ("ui", "ingest"))
    ports = {
        "ui": page[page.index("--port") + 1],
        "ingest": ingest[ingest.index("--metrics-port") + 1],
        "qdrant": "6333",
    }
    targets = [one for job in SCRAPED["scrape_configs"] for made in job["static_configs"] for one in made["targets"]]
    assert sorted(targets) == sorted(f"{name}:{port}" for name, port in ports.items())
    for name in ("ingest", "ingest-gpu"):
        assert "ingest" in services[name]["networks"]["inside"]["aliases"]
    mounted = {volume["target"] for volume in services["prometheus"]["volumes"]}
    assert set(SCRAPED["rule_files"]) <= mounted
    written = set(re.findall(r">(/tmp/\S+)", words(services["prometheus"]["command"])[0]))
    read = {job["authorization"]["credentials_file"] for job in SCRAPED["scrape_configs"] if "authorization" in job}
    assert read == written


def test_the_dashboard_is_found_and_finds_its_numbers(tmp_path: Path) -> None:
    grafana = config(env_file(tmp_path), "*")["services"]["grafana"]
    mounted = {volume["target"]: Path(volume["source"]) for volume in grafana["volumes"]}
    provisioning = mounted["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "bucketlens.yaml").read_text())["providers"]
    folder = provider["options"]["path"]
    home = set_in(grafana)["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (mounted[folder] / Path(home).name).is_file() and Path(home).parent == Path(folder)
    assert source["url"] == "http://prometheus:9090"
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}


def test_panels_have_a_place_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not place & taken and at["x"] + at["w"] <= 24
        taken |= place
    assert len({panel["id"] for panel in panels()}) == len(DASHBOARD["panels"])
