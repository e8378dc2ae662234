"""The page over a scripted service: answers as they are written, histories, sources, and text that would like to be markup (SPEC G5).

Needs Chromium and Playwright. Skipped where they are missing; with `CI=true` that is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.systems.chat.scripted_chat import ScriptedService, reply
from tests.systems.chat.visitor import Visitor, chromium, faint_texts, headings, nameless_controls, overflows

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CITED = [{"number": 1, "id": "kitchen/boil#2", "title": "kitchen.boil", "source": "kitchen.py, line 3", "score": 1.0}]
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with ScriptedService() as running:
        yield running


@pytest.fixture
def visitor(browser: Any, service: ScriptedService) -> Iterator[Visitor]:
    arrived = Visitor(browser, service.url)
    yield arrived
    arrived.leaves()


def test_an_answer_is_shown_as_it_is_written_and_announced_once(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G5: what has come so far can be read; a screen reader says the finished answer, never the pieces."""
    service.scripts["boil"] = ["Water ", ..., "boils.", ..., reply("Water boils.")]
    visitor.page.evaluate(
        """() => {
          window.said = [];
          new MutationObserver(() => window.said.push(document.getElementById("announcer").textContent))
            .observe(document.getElementById("announcer"), { childList: true });
        }"""
    )
    visitor.type("boil")
    draft = visitor.answer.locator(".draft")
    draft.filter(has_text=re.compile(r"^Water\s*$")).wait_for()
    assert visitor.answer.get_attribute("aria-busy") == "true"
    service.go_on()
    draft.filter(has_text="Water boils.").wait_for()
    service.go_on()
    visitor.answer.locator(".meta").wait_for()

    assert draft.count() == 0
    assert visitor.answer.locator(".said").inner_text() == "Water boils."
    assert "written by a model" in visitor.answer.inner_text()
    assert visitor.page.evaluate("window.said") == ["Looking it up.", "Answer: Water boils."]
    assert visitor.page.locator("[aria-live]").count() == 1


def test_a_follow_up_belongs_to_its_conversation(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G5: questions of one conversation have one id and stay in sight; a new conversation begins with nothing."""
    for question in ("first", "second", "third"):
        service.scripts[question] = [reply(f"{question} answer")]
    visitor.ask("first")
    visitor.ask("second")
    assert visitor.page.locator(".asked").all_inner_texts() == ["first", "second"]
    visitor.page.get_by_role("button", name="New conversation").click()
    assert visitor.page.locator(".turn").count() == 0
    assert visitor.page.locator("#welcome").is_visible()
    assert visitor.page.locator("#question").evaluate("e => e === document.activeElement")
    visitor.ask("third")

    conversations = [each["conversation_id"] for each in service.asked]
    assert conversations[0] == conversations[1] != conversations[2]
    assert len({each["user_id"] for each in service.asked}) == 1


def test_an_answer_can_be_stopped(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G5: a stopped answer keeps its text, the service is told by the connection, and the next question is answered."""
    service.scripts["long"] = ["Once upon ", ..., reply("never")]
    service.scripts["short"] = [reply("Yes.")]
    visitor.type("long")
    visitor.answer.get_by_text("Once upon").wait_for()
    assert not visitor.page.locator("#send").is_visible()
    visitor.type("short")
    assert visitor.page.locator(".turn").count() == 1
    visitor.page.get_by_role("button", name="Stop").click()
    visitor.answer.get_by_text("You stopped this answer.").wait_for()

    assert "Once upon" in visitor.answer.inner_text()
    assert visitor.page.locator("#question").input_value() == "short"
    assert service.hung_up.wait(10.0)
    service.go_on()
    assert "Yes." in visitor.ask("short")


def test_a_new_conversation_ends_the_answer_that_is_being_written(service: ScriptedService, visitor: Visitor) -> None:
    """Nothing of the old conversation appears in the new one."""
    service.scripts["long"] = ["Once upon ", ..., reply("never")]
    visitor.type("long")
    visitor.answer.get_by_text("Once upon").wait_for()
    visitor.page.get_by_role("button", name="New conversation").click()
    visitor.page.locator("#send").wait_for()
    service.go_on()

    assert visitor.page.locator(".turn").count() == 0


def test_a_stream_that_breaks_off_keeps_what_was_written(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G3: a connection that is lost in the middle is said so, beside the text so far, with a way to ask again."""
    service.scripts["lost"] = ["Half an ", ..., None]
    visitor.type("lost")
    visitor.answer.locator(".draft", has_text="Half an").wait_for()
    service.go_on()
    visitor.answer.get_by_text("The connection was lost while the answer was written.").wait_for()

    assert "Half an" in visitor.answer.inner_text()
    service.scripts["lost"] = [reply("Whole.")]
    assert "Whole." in visitor.again()
    visitor.complaints.clear()


def test_a_degraded_end_of_a_stream_is_told(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G3, K3: the model died in the middle: the text so far, the notice, the mode, and that it broke off."""
    end = reply("Half", mode="degraded-cache-only", notice="Answers are unavailable", truncated=True)
    service.scripts["cut"] = ["Half", end]
    said = visitor.ask("cut")

    assert visitor.mode() == "degraded-cache-only"
    for part in ("Answers are unavailable", "Half", "The answer broke off here.", "Earlier answers only"):
        assert part in said


def test_a_refused_question_is_told_with_its_reason(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G3: too many questions at once is the only trouble a user is told as an error."""
    service.scripts["busy"] = [429, "too many questions are being answered"]

    assert "This question was not taken: too many questions are being answered" in visitor.ask("busy")
    assert all("429" in each for each in visitor.complaints)
    visitor.complaints.clear()


def test_without_streaming_the_answer_comes_in_one_piece(browser: Any) -> None:
    """A service that knows no `POST /chat/stream` is asked by `POST /chat`, and for the stream never again."""
    with ScriptedService(streams=False) as service:
        visitor = Visitor(browser, service.url)
        service.scripts["boil"] = [reply("Water boils.")]
        assert "Water boils." in visitor.ask("boil")
        assert "Water boils." in visitor.ask("boil")
        assert sum(url.endswith("/chat/stream") for url in visitor.requests) == 1
        visitor.complaints.clear()
        visitor.leaves()


def test_a_cited_source_opens(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G5: a number in the answer opens the source that it names, and the passage can be read."""
    service.scripts["boil"] = [reply("Boil it [1], but see [7].", citations=CITED)]
    service.passages["kitchen/boil#2"] = "Boil the water.\n\nThen wait."
    visitor.ask("boil")
    visitor.page.get_by_role("button", name="Source 1").click()
    visitor.page.get_by_text("Then wait.").wait_for()

    assert "but see [7]." in visitor.answer.locator(".said").inner_text()
    assert visitor.page.locator(".passage summary").evaluate("e => e === document.activeElement")


def test_sources_keep_the_numbers_of_the_answer(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G1: a model that cites its third passage first names it 3; the list and the passage are that one's."""
    citations = [
        {"number": 3, "id": "c", "title": "third", "score": 1.0},
        {"number": 1, "id": "a", "title": "first", "score": 1.0},
    ]
    service.scripts["boil"] = [reply("So [3], or [1, 3], never [2].", citations=citations)]
    service.passages.update(a="Text of the first.", c="Text of the third.")
    visitor.ask("boil")
    visitor.page.get_by_role("button", name="Source 3").first.click()
    visitor.page.get_by_text("Text of the third.").wait_for()

    assert visitor.page.get_by_role("button", name=re.compile("^Source")).all_inner_texts() == ["3", "1", "3"]
    assert visitor.page.locator(".sources .number").all_inner_texts() == ["3", "1"]
    assert "never [2]." in visitor.answer.locator(".said").inner_text()


def test_an_earlier_answer_of_a_model_is_shown_word_for_word(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G3: a cached answer stands as it was written, with its age; what the model had read is its list of sources."""
    entry = {
        "id": "a",
        "title": "first",
        "signature": "",
        "source": "",
        "score": 1.0,
        "extracts": [{"text": "Read.", "block": ""}],
    }
    further = {"citations": CITED, "entries": [{**entry, "coverage": None}], "cached_age_s": 61.0}
    service.scripts["boil"] = [reply("Boil it [1].", engine="cache", mode="degraded-cache-only", notice="Not now", **further)]
    said = visitor.ask("boil")

    assert "Boil it" in said
    assert "an earlier answer, 61 s old" in said
    assert "Read." not in said


def test_a_source_that_is_gone_is_told(service: ScriptedService, visitor: Visitor) -> None:
    """The index may have changed since: then the page says so, and does not break."""
    service.scripts["boil"] = [reply("Boil it [1].", citations=CITED)]
    visitor.ask("boil")
    visitor.page.locator(".passage summary").click()
    visitor.page.get_by_text("This passage cannot be opened: no such passage").wait_for()
    visitor.complaints.clear()


def test_text_of_models_and_documents_is_never_markup(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC X5: whatever stands in deltas, messages, notices, titles, sources and passages is shown as text."""
    entry = {"id": "x", "title": HOSTILE, "signature": "", "source": HOSTILE, "score": 1.0, "coverage": 1.0}
    entry["extracts"] = [{"text": HOSTILE, "block": HOSTILE}]  # type: ignore[assignment]  # one entry as JSON
    service.passages["x"] = HOSTILE
    service.scripts[HOSTILE] = [
        HOSTILE,
        reply(
            HOSTILE,
            notice=HOSTILE,
            mode="degraded-no-context",
            citations=[{"number": 1, "id": "x", "title": HOSTILE, "score": 1.0}],
        ),
    ]
    service.scripts["quoted"] = [reply("", engine="extractive", entries=[entry])]
    for question in (HOSTILE, "quoted"):
        visitor.ask(question)
        visitor.answer.locator(".passage summary").click()
        visitor.answer.locator(".passage-text pre").wait_for()

    assert visitor.page.locator(".turn img, .turn script").count() == 0
    assert visitor.page.locator(".turn").last.get_by_text(HOSTILE).count() >= 4
    assert visitor.page.title() == "Yaoki"


def test_only_addresses_of_the_web_are_links(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC X5: http and https; anything else stays text. A link opens elsewhere and tells nothing of this page."""
    text = "See https://docs.example/a_(b), javascript:alert(1), data:text/html,x and [here](javascript:alert(1)) or http://h/."
    service.scripts["links"] = [reply(text)]
    visitor.ask("links")
    links = visitor.answer.locator("a")

    assert [each.get_attribute("href") for each in links.all()] == ["https://docs.example/a_(b", "http://h/"]
    assert all("noopener" in str(each.get_attribute("rel")) for each in links.all())
    assert visitor.answer.locator(".said").inner_text() == text


def test_code_of_a_model_is_set_as_code(service: ScriptedService, visitor: Visitor) -> None:
    """Fenced code keeps its lines and can be scrolled with the keyboard; an open fence is code to the end."""
    service.scripts["code"] = [reply("Do `x()`:\n\n```python\nfor a in b:\n    c(a)\n```\n\nThen:\n```\nd()")]
    visitor.ask("code")

    assert visitor.answer.locator("pre").all_inner_texts() == ["for a in b:\n    c(a)", "d()"]
    assert visitor.answer.locator("p code").all_inner_texts() == ["x()"]
    assert visitor.answer.locator("pre").first.get_attribute("tabindex") == "0"


def test_indented_lines_are_code_but_lists_are_not(service: ScriptedService, visitor: Visitor) -> None:
    """As in Markdown: an indented block keeps its form; a nested list stays what one reads."""
    service.scripts["code"] = [reply("Usage:\n    with a:\n        b()\n\n    c()\n\n- one\n    - two")]
    visitor.ask("code")

    assert visitor.answer.locator("pre").all_inner_texts() == ["with a:\n    b()\n\nc()"]
    assert visitor.answer.locator(".prose p").all_inner_texts() == ["Usage:", "- one\n    - two"]


def test_both_languages_have_every_text(visitor: Visitor) -> None:
    """SPEC K3: what the page says in one language it says in the other."""
    names = visitor.page.evaluate(
        """async () => {
          const all = await Promise.all(["en", "ja"].map((each) => import(`/page/texts/${each}.js`)));
          return all.map((each) => Object.keys(each.default).sort());
        }"""
    )

    assert names[0] == names[1]
    assert len(names[0]) > 60


def test_what_was_said_follows_the_language(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC K3: a change of language changes what the page says about answers, never the answers."""
    service.scripts["boil"] = [reply("Water boils.", citations=CITED)]
    visitor.ask("boil")
    visitor.page.get_by_role("button", name="日本語").click()
    said = visitor.answer.inner_text()

    assert "Water boils." in said
    assert "モデルによる回答" in said
    assert "written by a model" not in said
    own = visitor.page.locator("[data-t]:visible").all_inner_texts()
    assert [text for text in own if not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "ja-JP"])
def test_it_can_be_read_and_used_by_everybody(browser: Any, service: ScriptedService, scheme: str, locale: str) -> None:
    """SPEC G5: contrast at least 4.5, every control has a name, one h1, no level of headings left out, and the landmarks."""
    visitor = Visitor(browser, service.url, color_scheme=scheme, locale=locale)
    page = visitor.page
    long_word = "x" * 300
    service.scripts["boil"] = [reply(f"Boil `it` [1] {long_word} https://a/{long_word}", citations=CITED)]
    service.scripts["cut"] = [reply("No", mode="degraded-cache-only", notice="Not now", truncated=True)]
    service.scripts["out"] = [reply("No", mode="static-only", notice="Not now", engine="static")]
    for question in ("boil", "cut", "out"):
        visitor.ask(question)
    page.locator(".passage summary").first.click()
    page.get_by_text("no such passage").wait_for()

    assert faint_texts(page) == []
    assert nameless_controls(page) == []
    levels = headings(page)
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert [page.get_by_role(each).count() for each in ("banner", "main", "complementary")] == [1, 1, 1]
    assert page.get_by_role("article").count() == 3
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 740})
        assert not overflows(page), width
    visitor.complaints.clear()
    visitor.leaves()


def test_tab_goes_from_the_header_through_the_answer_to_the_question(service: ScriptedService, visitor: Visitor) -> None:
    """SPEC G5: the focus moves in the order in which one reads."""
    service.scripts["boil"] = [reply("Boil it [1].", citations=CITED)]
    visitor.ask("boil")
    visitor.page.locator(".skip").focus()
    reached = []
    for _ in range(5):
        visitor.page.keyboard.press("Tab")
        reached.append(visitor.page.evaluate("(e => e.ariaLabel || e.id || e.tagName)(document.activeElement)"))

    assert reached == ["new", "language", "Source 1", "SUMMARY", "question"]


def test_reduced_motion_is_respected(browser: Any, service: ScriptedService) -> None:
    """SPEC G5: who wants no motion gets none."""
    visitor = Visitor(browser, service.url, reduced_motion="reduce")
    service.scripts["boil"] = [..., reply("Done.")]
    visitor.type("boil")
    assert visitor.answer.locator(".waiting i").first.evaluate("e => getComputedStyle(e).animationName") == "none"
    service.go_on()
    visitor.answer.locator(".meta").wait_for()
    visitor.leaves()


def test_progress_of_the_index_and_of_meanings_is_shown(browser: Any, service: ScriptedService) -> None:
    """SPEC G1, G5: how far the documents have been read, and then how far their meanings are known."""
    service.preparation.update(ready=False, percent=42)
    visitor = Visitor(browser, service.url)
    assert visitor.page.get_by_text("Reading the documentation: 42 %").is_visible()
    visitor.leaves()
    service.preparation.update(
        ready=True, retrieval="lexical", meanings={"model": "m", "embedded": 3200, "of": 7799, "problem": None}
    )
    visitor = Visitor(browser, service.url)
    visitor.page.get_by_text("Learning what the passages mean: 3,200 of 7,799").wait_for()
    assert visitor.page.get_by_role("progressbar", name="Passages whose meaning is known").is_visible()
    assert visitor.page.get_by_text("found by words").is_visible()
    visitor.leaves()
