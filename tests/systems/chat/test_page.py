"""The page of the chat, used in a real browser as a person would: ask, break, read the notices, heal (SPEC G3, G5).

Needs Chromium and Playwright. Skipped where they are missing; with `CI=true` that is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.systems.chat.running import Service
from tests.systems.chat.visitor import SLOWEST, Visitor, chromium, nameless_controls, overflows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SETTINGS = {"YAOKI_CHAT_BREAKER_OPEN_TIMEOUT": "3", "YAOKI_CHAT_LLM_TIMEOUT": "3", "YAOKI_CHAT_MODE_RECOVER_AFTER": "1"}
TIMEOUT = "how do I set a timeout on an asyncio task?"
NAMES = re.compile(r"asyncio\.(wait_for|timeout|timeout_at)\b")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, at its first start: it has no index yet."""
    with Service(tmp_path_factory.mktemp("page") / "data", settings=SETTINGS) as running:
        yield running


def arrive(browser: Any, service: Service, *, token: bool = True, **context: Any) -> Visitor:
    """Somebody who opens the page, as the command line does or without the token."""
    return Visitor(browser, service.url, f"#token={service.token}" if token else "", **context)


def until_normal(visitor: Visitor, service: Service) -> None:
    """Ask until all is normal again; the trial call of an open circuit is due within 3 s."""
    for _ in range(40):
        if visitor.mode() == "normal":
            return
        visitor.page.wait_for_timeout(250)
        visitor.again()
    raise AssertionError(f"still {visitor.mode()}: {service.http.get('/status').text}")


def test_a_newcomer_asks_breaks_and_heals(browser: Any, service: Service) -> None:
    """SPEC G3, G5: the first start, an answer, nothing found, each part and both broken with honest notices, recovery by itself."""
    visitor = arrive(browser, service)
    page = visitor.page
    assert page.title() == "Yaoki"

    # Asked at the very first start, the question is answered as soon as the documentation has been read.
    visitor.ask(TIMEOUT)
    page.locator(".answer[data-mode='normal']").first.wait_for(timeout=SLOWEST)
    shown = page.locator(".answer").first.locator(".entry h3").all_inner_texts()
    assert 1 <= len(shown) <= 3
    assert any(NAMES.search(name) for name in shown)
    assert page.locator(".answer").first.get_by_text(re.compile(r"Source: asyncio/\w+\.py")).count() >= 1
    assert page.get_by_text(re.compile(r"\d,\d{3} passages indexed")).is_visible()

    assert "nothing" in visitor.ask("What is the capital of Australia?")
    assert (visitor.mode(), page.locator(".notice").count()) == ("normal", 0)

    visitor.flip("vector", "hang")
    said = visitor.ask(TIMEOUT)
    assert visitor.mode() == "degraded-no-context"
    assert "Search is temporarily unavailable" in said
    assert page.locator("#log").get_by_text("Search: trying again in").count() >= 1
    visitor.flip("vector", "")
    until_normal(visitor, service)

    visitor.flip("llm", "fail")
    said = visitor.ask(TIMEOUT)
    assert visitor.mode() == "degraded-cache-only"
    assert "The service that writes answers is temporarily unavailable" in said
    assert "an earlier answer" in said
    assert NAMES.search(said)

    visitor.flip("vector", "fail")
    said = visitor.ask(TIMEOUT)
    assert visitor.mode() == "static-only"
    assert "only prepared answers are given" in said
    assert "outage" in said
    for _ in range(4):
        visitor.again()
    assert page.locator("#part-vector .breaker.bad").is_visible()
    assert "trial" in page.locator("#part-llm .breaker").inner_text()
    assert page.locator("#mode-text").inner_text() == "Prepared answers only"

    visitor.flip("vector", "")
    visitor.flip("llm", "")
    until_normal(visitor, service)
    page.wait_for_timeout(1100)
    visitor.again() if page.locator(".turn").last.locator(".again").count() else visitor.ask(TIMEOUT)
    page.locator("#mode.good").wait_for()
    assert page.locator(".breaker.good").count() == 2
    visitor.leaves()


def test_it_speaks_japanese(browser: Any, service: Service) -> None:
    """SPEC K3: page and notices in the language of the browser, and in the other one by a click."""
    visitor = arrive(browser, service, locale="ja-JP")
    assert visitor.page.get_by_role("heading", name="Pythonについて質問してください").is_visible()
    visitor.flip("vector", "fail")
    said = visitor.ask("asyncio timeout")
    visitor.flip("vector", "")
    assert "検索機能が一時的に利用できないため" in said
    assert visitor.page.locator("html").get_attribute("lang") == "ja"
    visitor.page.get_by_role("button", name="English").click()
    assert visitor.page.get_by_role("button", name="Ask", exact=True).is_visible()
    visitor.leaves()


def test_without_the_token_nothing_can_be_broken(browser: Any, service: Service) -> None:
    """SPEC X5: the page answers everybody, the switches only who has the token; it stays out of the address and the history."""
    visitor = arrive(browser, service, token=False)
    page = visitor.page
    hang = page.get_by_role("button", name="Search: Hangs")
    assert hang.is_disabled()
    page.get_by_label(re.compile("paste the token")).fill("not-the-token-at-all")
    page.get_by_role("button", name="Unlock").click()
    page.get_by_text("That is not the token.").wait_for()
    assert hang.is_disabled()
    # The browser itself tells of the refused request.
    assert all("401" in said for said in visitor.complaints)
    visitor.complaints.clear()
    page.get_by_label(re.compile("paste the token")).fill(service.token)
    page.keyboard.press("Enter")
    page.locator("#unlock").wait_for(state="hidden")
    assert hang.is_enabled()
    assert service.token not in page.content()
    page.goto(f"{service.url}/#token={service.token}")
    page.wait_for_url(f"{service.url}/")
    visitor.leaves()


def test_it_is_used_with_the_keyboard_and_read_by_a_screen_reader(browser: Any, service: Service) -> None:
    """SPEC G5: every control has a name, answers are announced, the focus is where one types, and everything is reached by Tab."""
    visitor = arrive(browser, service)
    page = visitor.page
    assert page.locator("#question").evaluate("element => element === document.activeElement")
    assert page.get_by_role("region", name="Questions and answers").count() == 1
    assert nameless_controls(page) == []
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent"))
    assert "Search: Hangs" in reached
    assert "Answers: Works" in reached
    visitor.leaves()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, service: Service, scheme: str) -> None:
    """SPEC G5: nothing is cut off or needs sideways scrolling at 360 pixels, in light and in dark."""
    visitor = arrive(browser, service, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = visitor.page
    visitor.ask("What does the with statement do?")
    page.locator("#panel summary").click()
    page.get_by_role("button", name="Search: Hangs").wait_for()
    assert not overflows(page)
    visitor.leaves()


def test_text_of_a_document_is_never_markup(browser: Any, service: Service) -> None:
    """SPEC X5: what was asked and what was found is shown as text."""
    visitor = arrive(browser, service)
    visitor.ask('<img src=x onerror="document.title=1"> html.escape <script>document.title = 1</script>')
    assert visitor.page.locator(".turn img, .turn script").count() == 0
    assert visitor.page.title() == "Yaoki"
    visitor.leaves()


def test_a_page_that_was_opened_with_an_old_code_works_without_the_token(browser: Any, service: Service) -> None:
    """SPEC X5: an unknown code gives no token."""
    visitor = arrive(browser, service, token=False)
    visitor.page.goto(f"{service.url}/#code={'0' * 32}")
    visitor.page.wait_for_url(f"{service.url}/")
    visitor.page.wait_for_timeout(300)
    assert visitor.page.get_by_role("button", name="Search: Hangs").is_disabled()
    assert all("401" in said for said in visitor.complaints)
    visitor.complaints.clear()
    visitor.leaves()
