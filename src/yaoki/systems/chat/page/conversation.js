// A conversation: questions and answers in order, one being answered at a time, all of them with the same conversation_id.

import { announceReply, showProblem, showReply } from "./answer.js";
import { announce, at, button, make } from "./dom.js";
import { language, onSpeak, t } from "./language.js";
import { BrokenOffError, RefusedError, ask } from "./stream.js";

// Nobody is signed in: the user is whoever has this page open.
const user = `page-${randomName()}`;

let conversation = randomName();
let running = null;        // the answer that is being written: { stop }
let asked = 0;
let documentsReady = false;
let turns = [];            // { render }, to be written anew in another language
let held = [];             // questions to be asked again once the documents are there
const steps = new Map();   // what happens to a question on its way, by request

export const isRunning = () => running !== null;

export function askQuestion(question) {
  const turn = make("article", "turn");
  turn.setAttribute("aria-label", t("answer_to", { question }));
  const answer = make("div", "answer");
  turn.append(make("h2", "asked", question), answer);
  at("welcome").hidden = true;
  at("new").hidden = false;
  at("conversation").append(turn);
  turn.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  const entry = { answer, question, turn, render: () => {} };
  turns.push(entry);
  return answerTo(entry);
}

export function stop() {
  running?.stop();
}

export function newConversation() {
  stop();
  conversation = randomName();
  for (const each of turns) each.turn.remove();
  turns = [];
  held = [];
  at("welcome").hidden = false;
  at("new").hidden = true;
  at("question").focus();
  scrollTo(0, 0);
}

// Told by the live feed: a step on the way of the question with this request id.
export function stepTaken(request, text) {
  steps.get(request)?.append(make("li", "", text));
}

export function documentsAre(ready) {
  documentsReady = ready;
  if (ready && !running && held.length) answerTo(held.shift());
}

async function answerTo(entry) {
  if (running) return;
  const { answer, question } = entry;
  const request = `page-${Date.now().toString(36)}-${++asked}`;
  const ending = new AbortController();
  const list = make("ol", "steps");
  const waiting = waitingLine();
  const draft = make("p", "said card draft");
  const written = document.createTextNode("");
  draft.append(written);
  draft.hidden = true;
  answer.replaceChildren(draft, waiting.line, list);
  answer.setAttribute("aria-busy", "true");
  delete answer.dataset.mode;
  steps.set(request, list);
  isBusy({ stop: () => ending.abort() });
  announce(t("looking"));
  const began = performance.now();
  const again = () => answerTo(entry);
  try {
    const reply = await ask(
      { message: question, user_id: user, conversation_id: conversation },
      { "Accept-Language": language(), "X-Request-Id": request },
      ending.signal,
      (text) => { draft.hidden = false; written.appendData(text); },
    );
    const took = (performance.now() - began) / 1000;
    const preparing = (reply.degraded ?? []).some((each) => each.reason === "preparing");
    if (preparing) held.push(entry);
    entry.render = () => showReply(answer, reply, { took, steps: list, again, question, held: preparing });
    announceReply(reply);
  } catch (error) {
    const [said, kind] = ending.signal.aborted ? [() => t("stopped_by_you"), "calm"] : [() => problemWith(error, written.data), "bad"];
    entry.render = () => showProblem(answer, said(), { text: written.data, again, question, kind });
    announce(said());
  } finally {
    waiting.end();
    steps.delete(request);
    answer.removeAttribute("aria-busy");
    isBusy(null);
  }
  entry.render();
  documentsAre(documentsReady);
}

function problemWith(error, written) {
  if (error instanceof RefusedError) return t("refused", { reason: error.reason });
  return t(error instanceof BrokenOffError || written ? "broken_off" : "unreachable");
}

function isBusy(now) {
  running = now;
  at("send").hidden = Boolean(now);
  at("stop").hidden = !now;
}

function waitingLine() {
  const line = make("p", "waiting");
  const words = make("span", "", t("asking"));
  const dots = make("span");
  dots.setAttribute("aria-hidden", "true");
  dots.append(make("i"), make("i"), make("i"));
  line.append(dots, words);
  const began = performance.now();
  const ticking = setInterval(() => {
    words.textContent = t("asking_s", { s: Math.round((performance.now() - began) / 1000) });
  }, 1000);
  return { line, end: () => clearInterval(ticking) };
}

function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function showSuggestions() {
  at("suggestions").replaceChildren(...t("suggestions").map((question) => {
    const item = make("li");
    item.append(button("", question, () => { if (!running) askQuestion(question); }));
    return item;
  }));
}

onSpeak(() => {
  showSuggestions();
  for (const { turn, question, render } of turns) {
    turn.setAttribute("aria-label", t("answer_to", { question }));
    render();
  }
});
