"""The picture of a run."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from benchmarks.picture import LONGEST, Bar, Panel, pick_panels, render_picture
from tests.benchmarks.test_goals import RESULTS

SVG = "{http://www.w3.org/2000/svg}"


def draw(*bars: Bar) -> ET.Element:
    return ET.fromstring(render_picture([Panel("CPU <µs> & more", bars)], ["one", "two"]))


def test_bars_are_as_long_as_their_values() -> None:
    """The eye compares what the numbers say."""
    lengths = [float(one.get("width", "")) for one in draw(Bar("nginx", 10.0), Bar("orion", 20.0)).iter(f"{SVG}rect")]
    assert lengths[1] / lengths[0] == 2.0
    assert [one.get("class") for one in draw(Bar("nginx", 1), Bar("orion", 2), Bar("x", 3)).iter(f"{SVG}rect")] == [
        "reference",
        "own",
        "other",
    ]


def test_a_bar_that_is_far_too_long_is_cut_and_says_so() -> None:
    """One slow peer does not press all others into one pixel."""
    picture = draw(Bar("nginx", 10.0, 0.05), Bar("slow", 10_000.0))
    short, cut = (float(one.get("width", "")) for one in picture.iter(f"{SVG}rect"))
    assert cut / short == LONGEST
    texts = [one.text for one in picture.iter(f"{SVG}text")]
    assert "… 10,000.0" in texts
    assert "10.0 ±5%" in texts


def test_a_bar_without_length_is_still_a_bar() -> None:
    """A proxy that added nothing, or less than the noise, does not break the picture."""
    assert all(float(one.get("width", "")) > 0 for one in draw(Bar("a", 0.0), Bar("nginx", -3.0)).iter(f"{SVG}rect"))


def test_the_picture_is_readable_on_dark_ground_and_paints_none() -> None:
    """It stands in a README that readers see in either."""
    picture = draw(Bar("nginx", 1.0))
    style = picture.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")
    assert [one.get("class") for one in picture.iter(f"{SVG}rect")] == ["reference"]
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text == "CPU <µs> & more"


def test_the_picture_shows_cpu_and_added_latency_sorted_and_without_the_direct_way() -> None:
    """Only proxies are compared, the cheapest first."""
    panels = pick_panels(RESULTS)
    assert [[bar.peer for bar in panel.bars] for panel in panels] == [
        ["nginx", "orion", "envoy"],
        ["nginx", "orion"],
        ["nginx", "orion"],
    ]
    assert [round(bar.value) for bar in panels[2].bars] == [100_000, 200_000]
    assert pick_panels([]) == []
