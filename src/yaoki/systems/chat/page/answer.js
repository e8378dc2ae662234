// One answer: its notice, what it says, where that stands, and how it came about.

import { announce, button, dot, make } from "./dom.js";
import { age, span } from "./format.js";
import { t } from "./language.js";
import { prose } from "./prose.js";
import { citationList, openCitation, quotations } from "./sources.js";

export const MODES = { normal: "good", "degraded-no-context": "warn", "degraded-cache-only": "warn", "static-only": "bad" };
const LONGEST_ANNOUNCEMENT = 700;

// Writes a finished reply into `answer`. `took`: seconds; `steps`: the list of what happened on the way; `again` asks once more.
export function showReply(answer, reply, { took, steps, again, question, held }) {
  const entries = reply.entries ?? [];
  const citations = reply.citations ?? [];
  answer.replaceChildren();
  answer.dataset.mode = reply.mode;
  if (reply.notice) answer.append(notice(reply.notice, MODES[reply.mode]));
  // Entries with a coverage are what the message says; those of a model are only what it has read.
  if (entries.length && typeof entries[0].coverage === "number") answer.append(quotations(entries));
  else answer.append(...written(reply.message, citations));
  if (reply.truncated) answer.append(make("p", "soft", t("truncated")));
  if (held) answer.append(make("p", "soft", t("held")));
  answer.append(about(reply, took, steps, reply.mode === "normal" ? null : againButton(question, again)));
}

export function announceReply(reply) {
  const text = [reply.notice, reply.message].filter(Boolean).join(" ");
  announce(t("done", { text: text.length > LONGEST_ANNOUNCEMENT ? `${text.slice(0, LONGEST_ANNOUNCEMENT)} …` : text }));
}

// What came instead of an answer; `text`: what had been written before, or "".
export function showProblem(answer, said, { text, again, question, kind }) {
  const meta = make("footer", "meta");
  meta.append(againButton(question, again));
  answer.replaceChildren(notice(said, kind), ...(text ? [make("p", "said card draft", text)] : []), meta);
}

function written(message, citations) {
  const card = make("div", "said card");
  const list = citations.length ? citationList(citations) : null;
  const cite = (number) => {
    const place = citations.findIndex((each) => each.number === number);
    if (place < 0) return null;
    const opener = button("citation", String(number), () => openCitation(list, place));
    opener.setAttribute("aria-label", t("cite", { n: number }));
    return opener;
  };
  card.append(prose(message, cite));
  return list ? [card, list] : [card];
}

function notice(text, kind) {
  const banner = make("p", `notice ${kind}`);
  banner.append(dot(), make("span", "", text));
  return banner;
}

function about(reply, took, steps, again) {
  const meta = make("footer", "meta");
  const quotes = reply.entries?.length || reply.citations?.length;
  const engine = reply.engine === "extractive" && !quotes ? "no_quotation" : reply.engine;
  const mode = make("span", MODES[reply.mode], t(`mode_${reply.mode}`));
  mode.prepend(dot());
  meta.append(mode, make("span", "", t(`engine_${engine}`, { age: age(reply.cached_age_s) })));
  meta.append(make("span", "", span(took)));
  if (again) meta.append(again);
  if (steps.children.length) {
    const way = make("details");
    way.append(make("summary", "", t("steps", { n: steps.children.length })), steps);
    meta.append(way);
  }
  return meta;
}

function againButton(question, again) {
  const element = button("again", t("again"), again);
  element.setAttribute("aria-label", t("again_label", { question }));
  return element;
}
