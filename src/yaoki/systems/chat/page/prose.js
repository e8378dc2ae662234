// What a model has written, as paragraphs, code and links. All of it is untrusted: whatever is not one of these stays text.

import { button, make } from "./dom.js";

const FENCE = /```[^\n`]*\n([\s\S]*?)(?:\n?```|$)/g;
const INLINE = /`([^`\n]+)`|\[(\d{1,2}(?:, ?\d{1,2})*)\]|\bhttps?:\/\/[^\s<>"'`）」。、]+[^\s<>"'`.,;:!?)）」。、\]]/g;

// `cite(number)` makes what opens the source with this number, or null where there is none: then the number stays text.
export function prose(text, cite) {
  const body = make("div", "prose");
  let from = 0;
  for (const fence of text.matchAll(FENCE)) {
    paragraphs(body, text.slice(from, fence.index), cite);
    body.append(code(fence[1]));
    from = fence.index + fence[0].length;
  }
  paragraphs(body, text.slice(from), cite);
  return body;
}

export function code(text) {
  const block = make("pre");
  // What is wider than the screen is moved with the keyboard as well.
  block.tabIndex = 0;
  block.append(make("code", "", text));
  return block;
}

function paragraphs(body, text, cite) {
  for (const block of blocks(text)) {
    const said = block.lines.join("\n");
    if (block.indented) body.append(code(said.replace(/^(?: {4}|\t)/gm, "").trimEnd()));
    else body.append(...said.split(/\n{2,}/).filter((each) => each.trim()).map((each) => paragraph(each, cite)));
  }
}

// Lines that are indented are code, as in Markdown, unless they go on with a list; empty lines belong to what stands before.
function blocks(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const indented = /^(?: {4}|\t)\s*[^\s*•-]/.test(line);
    const last = found.at(-1);
    if (last && (!line.trim() || last.indented === indented)) last.lines.push(line);
    else found.push({ indented, lines: [line] });
  }
  return found;
}

function paragraph(text, cite) {
  const element = make("p");
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    const piece = inline(found, cite);
    if (!piece) continue;
    element.append(text.slice(from, found.index), piece);
    from = found.index + found[0].length;
  }
  element.append(text.slice(from));
  return element;
}

function inline([whole, quoted, numbers], cite) {
  if (quoted) return make("code", "", quoted);
  if (numbers) return citations(numbers, cite);
  return link(whole);
}

function citations(numbers, cite) {
  const made = numbers.split(",").map((each) => cite(Number(each)));
  if (made.includes(null)) return null;
  const group = make("span", "citations");
  group.append(...made);
  return group;
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
