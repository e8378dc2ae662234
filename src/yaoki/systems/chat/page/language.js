// Every text of the page in the language of the reader: the browser's, until another one is chosen.

import { at } from "./dom.js";
import { forGood, remember, remembered } from "./remembered.js";
import en from "./texts/en.js";
import ja from "./texts/ja.js";

const TEXTS = { en, ja };
const listeners = [];

let chosen = remembered(forGood, "language");
if (!(chosen in TEXTS)) chosen = navigator.language.startsWith("ja") ? "ja" : "en";

export const language = () => chosen;

// The text with this name, its {places} filled; the name itself where there is none.
export function t(name, values = {}) {
  const text = TEXTS[chosen][name] ?? name;
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "") : text;
}

// `listener` writes its part of the page anew whenever the language has changed.
export function onSpeak(listener) {
  listeners.push(listener);
}

export function speak() {
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t(element.dataset.placeholder);
  at("language").textContent = chosen === "en" ? "日本語" : "English";
  at("language").lang = chosen === "en" ? "ja" : "en";
  for (const listener of listeners) listener();
}

export function toggleLanguage() {
  chosen = chosen === "en" ? "ja" : "en";
  remember(forGood, "language", chosen);
  speak();
}
