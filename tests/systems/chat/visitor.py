"""Somebody who uses the page in a headless Chromium, and what a page must hold to for everybody."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()

SLOWEST = 60_000
"""Milliseconds for what includes the first reading of the documentation on a busy machine."""

QUESTION = re.compile(r"^(Your question|質問)$")


def missing(what: str) -> NoReturn:
    """Skip loudly, or fail where nothing may be missing."""
    text = f"{what} is missing: the page is not tested in a browser"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium (on Debian: apt-get install chromium fonts-noto-cjk)")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("Playwright")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        launched.close()


class Visitor:
    """Somebody who uses the page. `requests`: what the page asked for; `complaints`: what the browser's console says."""

    def __init__(self, browser: Any, url: str, fragment: str = "", **context: Any) -> None:
        self.url = url
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-US", **context})
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{url}/{fragment}")
        # The parts are there as soon as the live feed has told what works.
        self.page.locator("#part-llm").wait_for(state="attached")

    @property
    def answer(self) -> Any:
        """The newest answer."""
        return self.page.locator(".turn").last.locator(".answer")

    def type(self, question: str) -> None:
        """Ask, without waiting for the answer."""
        self.page.get_by_label(QUESTION).fill(question)
        self.page.keyboard.press("Enter")

    def ask(self, question: str, timeout: float = SLOWEST) -> str:
        """Ask, and wait for the answer; its text."""
        self.type(question)
        self.answer.locator(".meta").wait_for(timeout=timeout)
        return str(self.answer.inner_text())

    def again(self) -> str:
        """Ask the same once more, by its button."""
        self.answer.locator(".again").click()
        self.answer.locator(".meta").wait_for(timeout=SLOWEST)
        return str(self.answer.inner_text())

    def mode(self) -> str:
        """The mode of the latest answer."""
        return str(self.page.locator(".answer").last.get_attribute("data-mode"))

    def flip(self, part: str, fault: str) -> None:
        """Use a switch, and wait until it shows what was chosen."""
        button = self.page.locator(f"#part-{part} button[data-fault='{fault}']")
        button.click()
        self.page.locator(f"#part-{part} button[data-fault='{fault}'][aria-pressed='true']").wait_for()

    def leaves(self) -> None:
        """Close the page. Nothing was asked of anybody else, and the browser had nothing to complain about."""
        self.context.close()
        assert [url for url in self.requests if not url.startswith(self.url)] == []
        assert self.complaints == []


def nameless_controls(page: Any) -> list[str]:
    """What can be used and has no name that a screen reader could say."""
    return [
        str(control.evaluate("element => element.outerHTML"))
        for control in page.locator(
            "button:visible, input:visible, textarea:visible, summary:visible, a:visible, progress:visible"
        ).all()
        if not control.evaluate("e => (e.labels?.length ? e.labels[0].textContent : '') || e.ariaLabel || e.textContent.trim()")
    ]


def headings(page: Any) -> list[int]:
    """The levels of the visible headings, in order."""
    return [int(each.evaluate("e => e.tagName.slice(1)")) for each in page.locator("h1:visible, h2:visible, h3:visible").all()]


def overflows(page: Any) -> bool:
    """Whether something needs sideways scrolling."""
    return not page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def faint_texts(page: Any) -> list[str]:
    """Visible texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3), with the contrast."""
    found: list[str] = page.evaluate(_FAINT)
    return found


_FAINT = """
() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((c) => { const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; })
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = channels(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".unseen, .skip, script, template, noscript, :disabled")) continue;
    const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  return faint;
}
"""
