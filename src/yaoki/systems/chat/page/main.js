// The page of the chat. Everything comes from the service that sent it; text of documents and of models is never markup.

import { askQuestion, documentsAre, isRunning, newConversation, stop } from "./conversation.js";
import { at } from "./dom.js";
import { listen } from "./feed.js";
import { happened } from "./happenings.js";
import { speak, toggleLanguage } from "./language.js";
import { hear, show } from "./status.js";
import { startSwitches } from "./switches.js";

const NARROW = "(max-width: 900px)";

function startQuestion() {
  const question = at("question");
  const grow = () => {
    question.style.height = "auto";
    question.style.height = `${question.scrollHeight + 2}px`;
  };
  at("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    // While an answer is being written, what was typed meanwhile stays.
    if (!text || isRunning()) return;
    question.value = "";
    grow();
    askQuestion(text);
  });
  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stop();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("ask").requestSubmit();
  });
  at("stop").addEventListener("click", () => {
    stop();
    question.focus();
  });
  // On a phone the keyboard would cover the page.
  if (matchMedia("(pointer: fine)").matches) question.focus({ preventScroll: true });
}

if (matchMedia(NARROW).matches) at("panel").open = false;
at("new").addEventListener("click", newConversation);
at("language").addEventListener("click", toggleLanguage);
startSwitches();
speak();
setInterval(show, 500);
listen({
  state: (state) => {
    hear(state);
    documentsAre(state.preparation.ready);
  },
  happened,
});
startQuestion();
