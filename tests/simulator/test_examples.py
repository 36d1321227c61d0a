"""The examples that ship are tests of the policy code: each must keep what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orion_gateway.config.load import load_table
from orion_gateway.simulator.expectations import judge_expectations
from orion_gateway.simulator.measure import MEASURES
from orion_gateway.simulator.run import run_scenario
from orion_gateway.simulator.scenario import DOES
from tests.simulator.running import EXAMPLES, read_both

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fleet"])
def test_an_example_does_what_it_says(name: str) -> None:
    """Failures would be handled in another way than users have read and seen."""
    scenario, routes, services = read_both(EXAMPLES / name / "table.yaml", EXAMPLES / name / "scenario.yaml")
    judged = judge_expectations(scenario.expect, run_scenario(scenario, routes, services))
    assert judged
    assert [f"{held.said}: {held.found}" for held in judged if not held.has_held] == []


def test_a_fiftieth_of_the_fleet_does_what_the_fleet_does() -> None:
    """The fleet itself takes the better part of a minute; what holds for each gateway is seen with twenty of them."""
    folder = EXAMPLES / "fleet"
    scenario, routes, services = read_both(folder / "table.yaml", folder / "scenario.yaml")
    document = scenario.model_dump()
    load, orders = scenario.load[0], scenario.services["orders"]
    smaller = scenario.model_copy(
        update={
            "gateways": scenario.gateways // 50,
            "load": (
                load.model_copy(
                    update={
                        "rate": (load.rate[0].model_copy(update={"rate": document["load"][0]["rate"][0]["rate"] / 50}),)
                    }
                ),
            ),
            "services": {
                "orders": orders.model_copy(
                    update={"endpoints": orders.endpoints.model_copy(update={"count": orders.endpoints.count // 50})}
                )
            },
        }
    )
    record = run_scenario(smaller, routes, services)
    assert (record.gateways, len(record.services[0].names), record.services[0].seen) == (20, 200, 1000)
    shares = [one for one in scenario.expect if one.what not in ("circuit_openings", "attempts")]
    failed = [f"{held.said}: {held.found}" for held in judge_expectations(shares, record) if not held.has_held]
    assert failed == []


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_an_example_has_nothing_wrong(name: str) -> None:
    """Whoever copies it would begin with a warning."""
    assert load_table(EXAMPLES / name / "table.yaml", {}).warnings == ()


def test_the_scenario_of_the_guide_can_be_run(tmp_path: Path) -> None:
    """A newcomer would begin with an error."""
    guide = EXAMPLES.parent.parent / "docs" / "how-to" / "simulate.md"
    (scenario,) = re.findall(
        r"^```yaml scenario\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "scenario.yaml").write_text(scenario, encoding="utf-8")
    read, routes, services = read_both(EXAMPLES / "one-endpoint-killed" / "table.yaml", tmp_path / "scenario.yaml")
    judged = judge_expectations(read.expect, run_scenario(read, routes, services))
    assert [held.has_held for held in judged] == [True]


def test_the_guide_names_every_word_and_figure() -> None:
    """What a scenario can say would have to be read from the code."""
    guide = (EXAMPLES.parent.parent / "docs" / "how-to" / "simulate.md").read_text(encoding="utf-8")
    assert [word for word in (*DOES, *MEASURES, *NAMES) if f"`{word}`" not in guide] == []


def test_there_are_at_least_ten() -> None:
    """Somebody would look for an example of what is promised."""
    assert len(NAMES) >= 10
