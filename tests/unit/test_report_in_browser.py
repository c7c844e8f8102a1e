"""The page of a report in a real browser: what people see of it, and that it does nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from report_world import EVIL, facts, message, read
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from ops.report.page import page
from ops.verify.result import Result

PHONE, DESK = (390, 844), (1280, 900)
READABLE = 4.5  # contrast of text (WCAG 2.2, 1.4.3)
# Of every element with text of its own: its colour, and that of the first ground below it.
COLOURS = """
const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
const ground = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (c !== 'rgba(0, 0, 0, 0)') return c;
  }
  return 'rgb(255, 255, 255)';
};
return [...document.body.querySelectorAll('*')].filter(e => own(e) && e.offsetParent)
  .map(e => [e.innerText, getComputedStyle(e).color, ground(e)]);
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    options = ChromeOptions()
    for word in ("--headless", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options, Service("/usr/bin/chromedriver"))
    yield browser
    browser.quit()


Shown = Callable[..., Chrome]


@pytest.fixture
def shown(chrome: Chrome, tmp_path: Path) -> Shown:
    """The page of facts, in a window of a size, in light or dark."""

    def show(size: tuple[int, int] = DESK, scheme: str = "light", **changed: Any) -> Chrome:
        file = tmp_path / "report.html"
        file.write_text(page(facts(**changed)))
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        chrome.get_log("performance")
        chrome.get(file.as_uri())
        return chrome

    return show


def many() -> dict[str, Any]:
    """A stack with long names, much mail, and something wrong."""
    bad = Result("spf", "shop.example")
    bad.error("spf-missing", f"there is no record: {EVIL}", "x" * 200)
    long = "a" * 63
    messages = [
        message(n, n * 13, ("sent", "deferred", "bounced")[n % 3], to=f"u@{long}.d{n % 9}.example")
        for n in range(100)
    ]
    return {"checks": [*facts().checks, bad], "messages": read(*messages)}


@pytest.mark.parametrize("size", [PHONE, DESK, (320, 568)])
@pytest.mark.parametrize("changed", [{}, many()], ids=["well", "much"])
def test_nothing_is_wider_than_the_window(
    shown: Shown, size: tuple[int, int], changed: dict[str, Any]
) -> None:
    wide = shown(size, **changed).execute_script("return document.documentElement.scrollWidth")
    assert wide <= size[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(shown: Shown, scheme: str) -> None:
    found = shown(DESK, scheme, **many()).execute_script(COLOURS)
    assert len(found) > 50
    pale = [(t, a, b) for t, a, b in found if contrast(luminance(a), luminance(b)) < READABLE]
    assert pale == []
    ground = luminance(found[0][2])
    assert (ground > 0.5) is (scheme == "light")


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `rgb(...)`."""
    parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    """The contrast of two luminances, 1 to 21."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_words_of_strangers_are_shown_and_do_nothing(shown: Shown) -> None:
    browser = shown(messages=read(message(1, 5, "deferred", said=EVIL, sender=EVIL)))
    assert browser.title == "prod: mail relay"
    text = browser.find_element(By.TAG_NAME, "body").text
    assert text.count("<script>document.title=1</script>") == 2
    assert browser.get_log("browser") == []


def test_the_page_asks_for_nothing(shown: Shown) -> None:
    asked = [
        entry["message"]
        for entry in shown(**many()).get_log("performance")
        if "Network.requestWillBeSent" in entry["message"]
    ]
    others = [text for text in asked if '"url":"file:' not in text and '"url":"data:' not in text]
    assert len(asked) > 0
    assert others == []


def test_the_picture_stands_side_by_side_or_one_below_the_other(shown: Shown) -> None:
    def corners(browser: Chrome) -> list[tuple[int, int]]:
        boxes = browser.find_elements(By.CLASS_NAME, "column")
        return [(box.location["x"], box.location["y"]) for box in boxes]

    (left, top), (middle, second), (right, third) = corners(shown(DESK))
    assert left < middle < right
    assert top == second == third
    (left, top), (middle, second), (right, third) = corners(shown(PHONE))
    assert left == middle == right
    assert top < second < third
    browser = shown(DESK)
    ways = browser.find_elements(By.CLASS_NAME, "ways")
    assert [way.is_displayed() for way in ways] == [True, True]
    # a line begins at the middle of its box
    box = browser.find_elements(By.CSS_SELECTOR, ".column li")[0].rect
    line = browser.find_elements(By.CSS_SELECTOR, ".ways path")[0].rect
    assert abs(box["y"] + box["height"] / 2 - line["y"]) < box["height"]


def test_the_lines_of_the_charts_are_seen(shown: Shown) -> None:
    drawn = shown().find_elements(By.CSS_SELECTOR, ".chart > svg polyline")
    assert len(drawn) >= 5
    assert all(line.rect["width"] > 1 for line in drawn)
