"""What is said of a run: to people, to programs, and as a picture; and the command that does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from orion_gateway.cli import main
from orion_gateway.simulator.expectations import judge_expectations
from orion_gateway.simulator.picture import render_picture
from orion_gateway.simulator.run import run_scenario
from orion_gateway.simulator.text import render_text
from tests.simulator.running import EXAMPLES, LOAD, SERVICE, read_text

if TYPE_CHECKING:
    from pathlib import Path

TROUBLE = """\
title: A <title> & more
upstreams: [{service: orders, endpoints: 1, timeline: [{at: 2s, does: refuse}, {at: 6s, does: answer}]}]
expect:
  - {what: client_errors, at_most: 5%}
  - {what: circuit_opens_at, service: orders, at_most: 1s}
"""
KEYS = "circuit_breaker: {}\n    outlier_detection: {}\n    health_check: {path: /health, interval: 1s}"
FLEET = "gateways: 20\nservices: {orders: {endpoints: {count: 40, subset: 10}}}\n"


def simulate(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["simulate", *arguments])


def write(folder: Path, scenario: str) -> tuple[str, str]:
    """Write both files; return their paths."""
    (folder / "table.yaml").write_text(SERVICE.format(keys=KEYS), encoding="utf-8")
    (folder / "scenario.yaml").write_text(scenario, encoding="utf-8")
    return str(folder / "table.yaml"), str(folder / "scenario.yaml")


def test_the_report_shows_summary_lanes_and_what_held(tmp_path: Path) -> None:
    """Whoever reads it would not see when what happened."""
    scenario, routes, services = read_text(tmp_path, LOAD + TROUBLE, KEYS)
    record = run_scenario(scenario, routes, services)
    lines = render_text(record, judge_expectations(scenario.expect, record)).splitlines()
    assert lines[:2] == ["A <title> & more", "10 s, 1 gateway of 1 worker, seed 1"]
    labels = {line[:20].strip() for line in lines}
    assert {"offered", "client errors", "retries", "orders 10.0.0.2:8080", "really", "orders circuit"} <= labels
    lane = next(line for line in lines if line.startswith("orders 10.0.0.2:8080"))
    assert "E" in lane
    assert "X" in lane
    assert any(line.strip().startswith("one column is 0.139 s") and "E ejected" in line for line in lines)
    assert lines[-2].startswith("ok    client_errors at most 5 %: ")
    assert lines[-1] == "FAIL  circuit_opens_at of orders at most 1 s: never"


def test_a_fleet_is_shown_as_shares(tmp_path: Path) -> None:
    """Two hundred lanes would be shown, one below the other."""
    scenario, routes, services = read_text(tmp_path, LOAD + TROUBLE + FLEET, KEYS)
    record = run_scenario(scenario, routes, services)
    text = render_text(record, ())
    assert "orders endpoints   200, as their gateways see them" in text
    assert "orders circuits    20, one per gateway" in text
    assert len(text.splitlines()) < 40
    ElementTree.fromstring(render_picture(record, ()))


@pytest.mark.parametrize("gateways", ["", "gateways: 3\n", FLEET])
def test_the_picture_is_well_formed_and_inside_its_frame(tmp_path: Path, gateways: str) -> None:
    """A browser would refuse the picture, or show half of it."""
    scenario, routes, services = read_text(tmp_path, LOAD + TROUBLE + gateways, KEYS)
    record = run_scenario(scenario, routes, services)
    root = ElementTree.fromstring(render_picture(record, judge_expectations(scenario.expect, record)))
    name = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{name}title") == "A <title> & more"
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rect in root.iter(f"{name}rect"):
        x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    for text in root.iter(f"{name}text"):
        assert 0 <= float(text.attrib["y"]) <= height
    words = {text.text for text in root.iter(f"{name}text")}
    assert {"A <title> & more", "Endpoints", "Circuits", "Requests per second", "down"} <= words


def test_the_command_fails_when_an_expectation_does(tmp_path: Path) -> None:
    """A scenario in CI would be no test."""
    result = simulate(*write(tmp_path, LOAD + TROUBLE), "--svg", str(tmp_path / "out.svg"))
    assert result.exit_code == 1
    assert result.stderr == "1 of 2 expectations did not hold.\n"
    ElementTree.parse(tmp_path / "out.svg")


def test_json_is_one_document_alone_on_stdout(tmp_path: Path) -> None:
    """A program that reads it would meet text for people."""
    result = simulate(*write(tmp_path, LOAD + TROUBLE), "--json")
    document = json.loads(result.stdout)
    assert (document["version"], document["held"], document["seed"]) == (1, False, 1)
    assert document["services"]["orders"]["offered"] == document["summary"]["offered"] > 0
    assert [one["held"] for one in document["expectations"]] == [True, False]
    lane = next(row for row in document["timeline"] if row["label"] == "orders 10.0.0.2:8080")
    assert [span["is"] for span in lane["spans"]][:3] == ["unknown", "up", "ejected"]
    assert [span["is"] for span in lane["does"]] == ["answer", "refuse", "answer"]
    assert len(lane["attempts"]) == len(document["rates"]["offered"]) == 120
    fleet = json.loads(simulate(*write(tmp_path, LOAD + TROUBLE + FLEET), "--json", "--seed", "5").stdout)
    assert (fleet["seed"], fleet["timeline"][0]["count"]) == (5, 200)
    assert len(fleet["timeline"][0]["shares"]["up"]) == 120


def test_broken_files_are_told_by_the_exit_code(tmp_path: Path) -> None:
    """A script would take a scenario that was never run for one that holds."""
    table, scenario = write(tmp_path, LOAD + "seeds: 1\n")
    broken = simulate(table, scenario)
    assert (broken.exit_code, broken.stdout) == (1, "")
    assert f'{scenario}:3:1: error[E0102]: unknown key "seeds"' in broken.stderr
    assert simulate(table, str(tmp_path / "none.yaml")).exit_code == 2
    assert simulate(str(tmp_path / "none.yaml"), scenario).exit_code == 2
    table, scenario = write(tmp_path, LOAD)
    assert simulate(table, scenario).exit_code == 0
    assert simulate(table, scenario, "--svg", str(tmp_path / "no" / "out.svg")).exit_code == 2


def test_the_command_of_the_guide_works() -> None:
    """The first thing that a reader tries would fail."""
    folder = EXAMPLES / "one-endpoint-killed"
    result = simulate(str(folder / "table.yaml"), str(folder / "scenario.yaml"))
    assert (result.exit_code, result.stderr) == (0, "")
