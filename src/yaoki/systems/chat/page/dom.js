// The page's own elements. Text is only ever set as text, never as markup.

export const at = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

export function button(className, text, pressed) {
  const element = make("button", className, text);
  element.type = "button";
  element.addEventListener("click", pressed);
  return element;
}

// Set only what has changed, so that a reader's selection stays.
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function dot() {
  const mark = make("span", "dot");
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

// Said once by a screen reader, wherever the reader is on the page.
export function announce(text) {
  at("announcer").textContent = text;
}

export function problem(text) {
  at("connection").hidden = !text;
  set(at("connection"), text);
}
