// The sources of an answer: what was quoted from each, and the whole passage for whoever opens it.

import { make } from "./dom.js";
import { t } from "./language.js";
import { code } from "./prose.js";

// Quotations, word for word, one card for each source.
export function quotations(entries) {
  const list = make("ol", "entries");
  entries.forEach((entry, place) => {
    const item = make("li", "entry card");
    item.lang = "en";
    const title = make("h3");
    title.append(number(place + 1), entry.signature ? make("code", "", entry.signature) : entry.title);
    item.append(title);
    for (const extract of entry.extracts) {
      if (extract.text) item.append(make("p", "", extract.text));
      if (extract.block) item.append(code(extract.block));
    }
    item.append(passage(entry, t("source", { source: entry.source || entry.title })));
    list.append(item);
  });
  return list;
}

// A list of the sources that a written answer cites, with the numbers by which it does.
export function citationList(citations) {
  const section = make("section", "sources card");
  section.append(make("h3", "", t("sources")));
  const list = make("ol");
  citations.forEach((citation) => {
    const item = make("li");
    const title = citation.title || citation.id;
    item.append(passage(citation, citation.source ? `${title} · ${citation.source}` : title, number(citation.number)));
    list.append(item);
  });
  section.append(list);
  return section;
}

export function openCitation(section, place) {
  const details = section.querySelectorAll("details.passage")[place];
  details.open = true;
  details.querySelector("summary").focus();
}

function number(value) {
  return make("span", "number", String(value));
}

function passage(source, label, ...before) {
  const details = make("details", "passage");
  const summary = make("summary");
  summary.append(...before, make("span", "", label));
  const body = make("div", "passage-text");
  details.append(summary, body);
  details.addEventListener("toggle", () => { if (details.open && !body.dataset.asked) load(source, body); });
  return details;
}

async function load(source, body) {
  body.dataset.asked = "yes";
  body.textContent = t("passage_opening");
  body.setAttribute("role", "group");
  body.setAttribute("aria-label", t("passage_label", { title: source.title || source.id }));
  try {
    const response = await fetch(`/passages/${encodeURIComponent(source.id)}`);
    const found = await response.json();
    if (!response.ok) throw new Error(found.reason ?? String(response.status));
    const text = make("pre", "", found.text);
    text.tabIndex = 0;
    text.lang = "en";
    body.replaceChildren(text);
  } catch (error) {
    body.textContent = t("passage_gone", { reason: error instanceof TypeError ? t("unreachable") : error.message });
    delete body.dataset.asked;
  }
}
