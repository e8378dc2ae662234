// What a model has written, as paragraphs, code and links. All of it is untrusted: whatever is not one of these stays text.

import { button, make } from "./dom.js";

const FENCE = /```[^\n`]*\n([\s\S]*?)(?:\n?```|$)/g;
const INLINE = /`([^`\n]+)`|\[(\d{1,2})\]|\bhttps?:\/\/[^\s<>"'`）」。、]+[^\s<>"'`.,;:!?)）」。、\]]/g;

// `cited(number)` opens the source with this number; `known` says how many there are. Other numbers in brackets stay text.
export function prose(text, known, cited, citationLabel) {
  const body = make("div", "prose");
  let from = 0;
  for (const fence of text.matchAll(FENCE)) {
    paragraphs(body, text.slice(from, fence.index), known, cited, citationLabel);
    body.append(code(fence[1]));
    from = fence.index + fence[0].length;
  }
  paragraphs(body, text.slice(from), known, cited, citationLabel);
  return body;
}

export function code(text) {
  const block = make("pre");
  // What is wider than the screen is moved with the keyboard as well.
  block.tabIndex = 0;
  block.append(make("code", "", text));
  return block;
}

function paragraphs(body, text, known, cited, citationLabel) {
  for (const each of text.split(/\n{2,}/)) {
    if (!each.trim()) continue;
    const paragraph = make("p");
    let from = 0;
    for (const found of each.matchAll(INLINE)) {
      const piece = inline(found, known, cited, citationLabel);
      if (!piece) continue;
      paragraph.append(each.slice(from, found.index), piece);
      from = found.index + found[0].length;
    }
    paragraph.append(each.slice(from));
    body.append(paragraph);
  }
}

function inline([whole, quoted, number], known, cited, citationLabel) {
  if (quoted) return make("code", "", quoted);
  if (number) {
    if (Number(number) < 1 || Number(number) > known) return null;
    const citation = button("citation", number, () => cited(Number(number)));
    citation.setAttribute("aria-label", citationLabel(number));
    return citation;
  }
  return link(whole);
}

function link(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const element = make("a", "", address);
  element.href = url.href;
  element.rel = "noopener noreferrer nofollow";
  element.target = "_blank";
  return element;
}
