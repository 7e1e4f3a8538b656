"""The metrics are what Prometheus' own parser reads, and none has a value of a stranger's."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession, web
from alert_helpers import NOW_US, alert, office_facts
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from camerad.base.clock import SECOND
from camerad.office.jobs.alert_rules import AlertKind, CameraSeen, StoreFacts
from camerad.office.jobs.job_metrics import MOST_CAMERAS, JobMetrics
from camerad.office.server.alert_settings import MetricsSettings
from camerad.office.server.ingest import IngestEvent
from camerad.office.server.server_metrics import MetricsListener, ServerMetrics
from camerad.store.discrepancies import DiscrepancyKind


class AllMetrics(JobMetrics):
    """Those of the jobs, and in the same registry those of the server."""

    def __init__(self) -> None:
        self.server = ServerMetrics()
        self.registry = self.server.registry
        super().__init__(self.registry)


def shown(text: str) -> dict[str, float]:
    """Every sample, by its name and the values of its labels."""
    return {
        " ".join([sample.name, *(str(value) for value in sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def samples(metrics: AllMetrics) -> dict[str, float]:
    return shown(generate_latest(metrics.registry).decode())


def test_what_happens_is_counted_and_what_is_no_more_is_not_shown() -> None:
    metrics = AllMetrics()
    take = metrics.server.timed(lambda kind: (_ for _ in ()).throw(kind) if kind else None)
    take(None)
    with pytest.raises(ZeroDivisionError):
        take(ZeroDivisionError())
    for event in IngestEvent:
        metrics.server.count_ingest(event)
    metrics.work_ended("retention", True, 2.5)
    metrics.work_ended("retention", False, 0.5)
    changed, missing = ((kind, "a") for kind in (DiscrepancyKind.CHANGED, DiscrepancyKind.MISSING))
    metrics.set_store(StoreFacts(NOW_US, here=7, held=2, deleted=3, differences=(changed,)))
    metrics.set_store(StoreFacts(NOW_US, here=6, deleted=1, differences=(missing,)))
    facts = office_facts(
        free=5, total=9, unfinished=2, waiting=3, quarantined=(("cam-1", "a"),) * 4
    )
    metrics.set_office(facts, [alert(AlertKind.QUARANTINED), alert(AlertKind.QUARANTINED, "b")])
    there = samples(metrics)
    assert "camerad_office_differences changed" not in there
    expected = {
        **{f"ingests_total {one}": 1 for one in ("taken", "compared", "quarantined", "failed")},
        "ingest_seconds_count": 2,
        "receipts_signed_total": 1,
        "work_runs_total ok retention": 1,
        "work_runs_total failed retention": 1,
        "work_last_run_seconds retention": 0.5,
        "recordings here": 6,
        "recordings held": 0,
        "recordings quarantined": 4,
        "deletions_total": 4,
        "differences missing": 1,
        "storage_free_bytes": 5,
        "storage_size_bytes": 9,
        "uploads open": 2,
        "uploads waiting": 3,
        "certificate_not_after_timestamp_seconds": facts.certificate_end_us / SECOND,
        "alerts quarantined": 2,
        "alerts storage_full": 0,
        "store_last_complete_look_timestamp_seconds": NOW_US / SECOND,
    }
    assert {name: there[f"camerad_office_{name}"] for name in expected} == expected


def test_cameras_are_shown_by_name_and_only_so_many() -> None:
    metrics = AllMetrics()
    few = (CameraSeen("k", "gone", NOW_US), CameraSeen("k", "never", None))
    metrics.set_office(office_facts(cameras=few), ())
    many = tuple(
        CameraSeen(f"kid-{number}", f"cam-{number}", NOW_US + number)
        for number in range(MOST_CAMERAS + 50)
    )
    metrics.set_office(office_facts(cameras=many), ())
    seen = [name for name in samples(metrics) if "last_seen" in name]
    assert len(seen) == MOST_CAMERAS
    assert "camerad_office_camera_last_seen_timestamp_seconds cam-0" in seen, "seen longest ago"
    assert samples(metrics)["camerad_office_cameras"] == MOST_CAMERAS + 50


def test_names_and_units_are_as_prometheus_has_them() -> None:
    """prometheus.io/docs/practices/naming: a prefix, base units, `_total` for counters alone."""
    text = generate_latest(AllMetrics().registry).decode()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("camerad_office_")
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_us", "_days", "_gib", "_minutes"))
        if family.type == "gauge" and not family.name.endswith("_created"):
            assert not family.name.endswith("_total")
            assert ("timestamp" in family.name) == family.name.endswith("_timestamp_seconds")


def test_they_are_served_on_a_listener_of_their_own_and_refusals_are_counted() -> None:
    async def life() -> tuple[int, str, int, int]:
        metrics = AllMetrics()

        async def refuse(_request: web.Request) -> web.Response:
            return web.json_response({}, status=403)

        refused = web.Application(middlewares=[metrics.server.count_refusals])
        refused.router.add_get("/", refuse)
        other = web.AppRunner(refused)
        await other.setup()
        listener = MetricsListener(MetricsSettings(port=0), metrics.registry)
        await listener.open()
        try:
            with socket.create_server(("127.0.0.1", 0)) as place:
                site = web.SockSite(other, place)
                await site.start()
                async with ClientSession() as client:
                    await client.get(f"http://127.0.0.1:{place.getsockname()[1]}/")
                    url = f"http://127.0.0.1:{listener.port}"
                    async with client.get(f"{url}/metrics") as answer:
                        text, status = await answer.text(), answer.status
                    async with client.get(f"{url}/v1/uploads") as missing:
                        pass
                    async with client.post(f"{url}/metrics") as posted:
                        pass
                await other.cleanup()
        finally:
            await listener.close()
            await listener.close()
        return status, text, missing.status, posted.status

    status, text, missing, posted = asyncio.run(life())
    assert (status, missing, posted) == (200, 404, 405)
    assert shown(text)["camerad_office_requests_refused_total 403"] == 1


def test_who_fills_the_metrics_port_keeps_no_camera_out() -> None:
    """It has few connections, and closes the others at once."""

    async def life() -> int:
        listener = MetricsListener(MetricsSettings(port=0), AllMetrics().registry)
        await listener.open()
        closed = 0
        opened = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(12)]
        try:
            for reader, _ in opened[8:]:
                with contextlib.suppress(ConnectionError):
                    closed += await asyncio.wait_for(reader.read(1), 20) == b""
            return closed
        finally:
            for _, writer in opened:
                writer.close()
            await listener.close()

    assert asyncio.run(life()) == 4


def test_the_handbook_names_every_metric_and_its_rules_ask_for_what_there_is() -> None:
    root = Path(__file__).parents[4]
    page = (root / "docs" / "office.md").read_text(encoding="utf-8")
    section = page.split("\n## Metrics\n")[1].split("\n## ")[0]
    text = generate_latest(AllMetrics().registry).decode()
    there = set()
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix("camerad_office_")
        if not name.endswith("_created"):
            there.add(f"{name}_total" if family.type == "counter" else name)
    table = "".join(line for line in section.splitlines() if line.startswith("|"))
    named = {one.partition("{")[0] for one in re.findall(r"`([a-z_]+(?:\{[a-z,]+\})?)`", table)}
    assert there <= named
    text = (root / "config" / "office" / "prometheus-rules.yml").read_text(encoding="utf-8")
    rules = yaml.safe_load(text)
    asked = {
        name
        for group in rules["groups"]
        for rule in group["rules"]
        for name in re.findall(r"camerad_office_([a-z_]+)", rule["expr"])
    }
    assert asked <= there
    kinds = set(re.findall(r'kind=~"([a-z_|]+)"', text)[0].split("|"))
    assert kinds <= set(AlertKind)
