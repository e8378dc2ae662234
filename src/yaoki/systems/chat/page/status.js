// What works right now: the mode that the service reports, how far the documents have been read, and each part with its breaker.

import { MODES } from "./answer.js";
import { at, button, set } from "./dom.js";
import { clock, count } from "./format.js";
import { onSpeak, t } from "./language.js";
import { flip, hasToken, onToken } from "./switches.js";

const CIRCUITS = { closed: "good", half_open: "warn", open: "bad" };
const FAULTS = ["", "slow", "fail", "hang"];

let state = null;
let heardAt = 0;

export function hear(newest) {
  state = newest;
  heardAt = performance.now();
  show();
}

// Called twice a second as well: the time until an open circuit's trial runs down.
export function show() {
  if (!state) return;
  showMode();
  showPreparation(state.preparation);
  set(at("since"), t("mode_since", { mode: state.mode, time: clock(state.since) }));
  for (const part of state.parts) showPart(part);
}

function showMode() {
  const recovering = state.mode !== "normal" && state.latest_mode === "normal";
  const passing = !state.preparation.ready ? "starting" : recovering ? "recovering" : "";
  at("mode").className = `mode ${passing ? "warn" : MODES[state.mode]}`;
  at("mode").title = state.mode;
  set(at("mode-text"), t(passing || `mode_${state.mode}`));
}

function showPreparation(preparation) {
  const meanings = preparation.meanings;
  const learning = Boolean(meanings) && meanings.embedded < meanings.of;
  at("preparing").hidden = preparation.ready;
  set(at("preparing-text"), t("preparing", { percent: preparation.percent }));
  at("preparing-bar").value = preparation.percent;
  at("meanings").hidden = !preparation.ready || !learning;
  if (learning) {
    set(at("meanings-text"), t("meanings", { done: count(meanings.embedded), total: count(meanings.of) }));
    at("meanings-bar").max = meanings.of;
    at("meanings-bar").value = meanings.embedded;
  }
  const here = preparation.passages !== null;
  const about = t(here ? "about" : "about_elsewhere", { passages: here ? count(preparation.passages) : "", version: state.version });
  const found = preparation.retrieval ? t(`retrieval_${preparation.retrieval}`) : "";
  const facts = preparation.ready ? [about, found].filter(Boolean).join(" · ") : "";
  set(at("about"), [facts, meanings?.problem, ...preparation.notices].filter(Boolean).join(" "));
}

function showPart(part) {
  const card = at(`part-${part.part}`) ?? newPart(part);
  const breaker = part.breaker;
  const [title, does, line, text, counts] = ["h3", ".does", ".breaker", ".breaker-text", ".counts"].map((each) => card.querySelector(each));
  set(title, t(part.part));
  set(does, t(`${part.part}_does`));
  line.className = `breaker ${CIRCUITS[breaker.state]}`;
  const left = Math.ceil((breaker.retry_after ?? 0) - (performance.now() - heardAt) / 1000);
  const due = breaker.state === "open" && left <= 0;
  set(text, due ? t("open_due") : t(breaker.state, { s: left }));
  const values = { failed: breaker.window_failures, calls: breaker.window_calls, window: part.window };
  if (part.duration === "partial" && part.failing?.length) set(counts, t("failing", { types: part.failing.join(", ") }));
  else if (part.duration === "long_term") set(counts, t("long_term", { n: breaker.opened_in_a_row }));
  else if (breaker.state === "closed") set(counts, t(breaker.window_calls ? "counts" : "counts_none", values));
  else set(counts, t("spared", { n: breaker.rejected }));
  showSwitches(part, card.querySelector(".switches"));
}

function showSwitches(part, group) {
  group.setAttribute("aria-label", t(part.part));
  for (const each of group.children) {
    const fault = each.dataset.fault;
    set(each, t(fault || "works"));
    each.setAttribute("aria-label", t("set", { part: t(part.part), fault: t(fault || "works") }));
    each.setAttribute("aria-pressed", String((part.fault ?? "") === fault));
    each.disabled = !hasToken();
  }
}

function newPart(part) {
  const card = at("part-template").content.firstElementChild.cloneNode(true);
  card.id = `part-${part.part}`;
  card.querySelector("h3").id = `title-${part.part}`;
  card.setAttribute("aria-labelledby", `title-${part.part}`);
  card.querySelector("code").textContent = part.pipeline;
  for (const fault of FAULTS) {
    const each = button("", "", () => flip(part.part, fault));
    each.dataset.fault = fault;
    card.querySelector(".switches").append(each);
  }
  at("parts").append(card);
  return card;
}

onSpeak(show);
onToken(show);
