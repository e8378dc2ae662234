"use strict";
// The page of the chat: asks, shows answers with their sources, and shows live what works. Text from documents is only ever set
// as text, never as markup. Nothing is requested from anywhere but the service that sent this page.

const TEXTS = {
  en: {
    skip: "Skip to the question", tagline: "Answers from the documentation, even while parts of it are down.",
    welcome: "Ask something about Python",
    welcome_text: "Every answer is quoted word for word from the documentation on this machine, with its source. Break a part, ask again, and see what you still get.",
    question: "Your question", placeholder: "How do I …?", send: "Ask", conversation: "Questions and answers",
    parts: "What works right now", log: "As it happens", log_empty: "Nothing has failed yet.",
    unlock: "To break a part, paste the token that was printed when the service started:", unlock_send: "Unlock",
    unlock_wrong: "That is not the token.", token: "Token",
    vector: "Search", llm: "Answers", vector_does: "Finds the passages for a question.", llm_does: "Writes the answer from the passages.",
    mode_normal: "Everything works", "mode_degraded-no-context": "Without search", "mode_degraded-cache-only": "Earlier answers only",
    "mode_static-only": "Prepared answers only", recovering: "Recovering", starting: "Getting ready",
    closed: "Circuit closed: calls go through", open: "Circuit open: a trial call in {s} s", open_due: "Circuit open: next call is the trial",
    half_open: "Circuit half-open: one trial call is running",
    counts: "{failed} of {calls} calls failed in the last {window} s", counts_none: "No calls in the last {window} s",
    spared: "Calls spared so far: {n}", long_term: "Down for long: opened {n} times in a row", mode_since: "Mode {mode} since {time}",
    works: "Works", slow: "Slow", fail: "Fails", hang: "Hangs", set: "{part}: {fault}",
    preparing: "Reading the documentation: {percent} %", preparing_label: "Documents read",
    about: "{passages} passages indexed · Yaoki {version}",
    you_asked: "You asked:", asking: "Looking it up", asking_s: "Looking it up, {s} s",
    held: "Your question is asked again as soon as the documents are there.",
    source: "Source: {source}",
    engine_extractive: "quoted from the documents", engine_no_quotation: "no quotation", engine_llm: "written by a model", engine_cache: "an earlier answer, {age} old",
    engine_faq: "a prepared answer", engine_static: "a fixed text",
    again: "Ask again", again_label: "Ask again: {question}", steps: "What happened on the way ({n})",
    lost: "No connection to the service. Trying again …", stopped: "The service was stopped.", back: "Connected again.",
    unreachable: "The service cannot be reached.", refused: "This question was not taken: {reason}", switch_failed: "The switch did not work: {reason}",
    e_failed: "{part}: attempt {attempt} failed, {error}", e_retry: "{part}: trying again in {delay}", e_given_up: "{part}: given up after {attempts} ({why})",
    e_refused: "{part}: not called, its circuit is open", e_circuit: "{part}: circuit {state}", e_answered: "Answered in {took}, mode {mode}",
    e_broken: "{part}: {fault}, by hand", e_healed: "{part}: healed by hand",
    circuit_open: "opened", circuit_half_open: "half-open, one trial", circuit_closed: "closed",
    why_attempts: "no attempts left", why_deadline: "no time left", why_circuit_open: "its circuit has opened", why_budget: "no retries left in its budget",
    why_not_retryable: "trying again would not help", why_elapsed: "no time left",
    n_attempts: "{n} attempts", one_attempt: "1 attempt", deadline_exceeded: "no answer in time", ConnectionRefusedError: "connection refused",
    milliseconds: "{n} ms", seconds: "{n} s", minutes: "{n} min", hours: "{n} h",
    suggestions: ["How do I set a timeout on an asyncio task?", "What does the with statement do?", "How do I sort a list of dicts by a key?", "What is the capital of Australia?"],
  },
  ja: {
    skip: "質問欄へ移動", tagline: "一部が停止していても、ドキュメントからお答えします。",
    welcome: "Pythonについて質問してください",
    welcome_text: "回答は、このマシンにあるドキュメントからの原文引用で、出典も表示します（ドキュメントは英語です）。一部を停止させて、もう一度質問してみてください。",
    question: "質問", placeholder: "例：asyncio timeout", send: "質問する", conversation: "質問と回答",
    parts: "現在の状態", log: "できごと", log_empty: "まだ障害は起きていません。",
    unlock: "停止させるには、起動時に表示されたトークンを入力してください：", unlock_send: "解除",
    unlock_wrong: "トークンが正しくありません。", token: "トークン",
    vector: "検索", llm: "応答生成", vector_does: "質問に合う文章を探します。", llm_does: "見つかった文章から回答を作ります。",
    mode_normal: "すべて正常", "mode_degraded-no-context": "検索なし", "mode_degraded-cache-only": "以前の回答のみ",
    "mode_static-only": "用意した回答のみ", recovering: "復旧しつつあります", starting: "準備しています",
    closed: "回路：閉（呼び出し可能）", open: "回路：開（{s}秒後に試行）", open_due: "回路：開（次の質問で試行します）",
    half_open: "回路：半開（試行中）",
    counts: "直近{window}秒：{calls}回中{failed}回失敗", counts_none: "直近{window}秒の呼び出しはありません",
    spared: "これまでに省いた呼び出し：{n}回", long_term: "長期の障害：{n}回続けて開きました", mode_since: "モード：{mode}（{time}から）",
    works: "正常", slow: "遅延", fail: "失敗", hang: "無応答", set: "{part}：{fault}",
    preparing: "ドキュメントを読み込んでいます：{percent} %", preparing_label: "読み込みの進み具合",
    about: "索引済み {passages} 件 · Yaoki {version}",
    you_asked: "質問：", asking: "調べています", asking_s: "調べています（{s}秒）",
    held: "読み込みが終わりしだい、自動的にもう一度質問します。",
    source: "出典：{source}",
    engine_extractive: "文書からの引用", engine_no_quotation: "引用なし", engine_llm: "モデルによる回答", engine_cache: "{age}前の回答",
    engine_faq: "用意した回答", engine_static: "定型文",
    again: "もう一度質問する", again_label: "もう一度質問する：{question}", steps: "途中経過（{n}）",
    lost: "サービスに接続できません。再接続しています…", stopped: "サービスは停止しました。", back: "再接続しました。",
    unreachable: "サービスに接続できません。", refused: "この質問は受け付けられませんでした：{reason}", switch_failed: "切り替えできませんでした：{reason}",
    e_failed: "{part}：{attempt}回目が失敗（{error}）", e_retry: "{part}：{delay}後に再試行", e_given_up: "{part}：{attempts}で断念（{why}）",
    e_refused: "{part}：回路が開いているため呼び出していません", e_circuit: "{part}：回路が{state}", e_answered: "{took}で回答（{mode}）",
    e_broken: "{part}：手動で「{fault}」に設定", e_healed: "{part}：手動で復旧",
    circuit_open: "開きました", circuit_half_open: "半開になりました（試行1回）", circuit_closed: "閉じました",
    why_attempts: "試行回数の上限", why_deadline: "時間切れ", why_circuit_open: "回路が開いたため", why_budget: "再試行の予算切れ",
    why_not_retryable: "再試行しても無駄なため", why_elapsed: "時間切れ",
    n_attempts: "{n}回", one_attempt: "1回", deadline_exceeded: "時間内に応答なし", ConnectionRefusedError: "接続拒否",
    milliseconds: "{n}ミリ秒", seconds: "{n}秒", minutes: "{n}分", hours: "{n}時間",
    suggestions: ["asyncio wait_for timeout", "with statement", "sorted key function", "What is the capital of Australia?"],
  },
};
const MODES = { normal: "good", "degraded-no-context": "warn", "degraded-cache-only": "warn", "static-only": "bad" };
const CIRCUITS = { closed: "good", half_open: "warn", open: "bad" };
const FAULTS = ["", "slow", "fail", "hang"];
const PARTS = ["vector", "llm"];

const at = (id) => document.getElementById(id);
const remembered = (store, name) => { try { return store.getItem(name); } catch { return null; } };
const remember = (store, name, value) => { try { store.setItem(name, value); } catch { /* a browser that forgets */ } };

let language = remembered(localStorage, "language") || (navigator.language.startsWith("ja") ? "ja" : "en");
let token = remembered(sessionStorage, "token") || "";
let state = null;
let heardAt = 0;
let asked = 0;
const steps = new Map();   // what happened to each question that is still open, by request
const held = [];           // questions to be asked again once the documents are there
const happenings = [];     // the newest last

function t(name, values = {}) {
  const text = TEXTS[language][name] ?? name;
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "") : text;
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// --- language ------------------------------------------------------------------------------------------------------------------

function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = t(element.dataset.placeholder);
  at("language").textContent = language === "en" ? "日本語" : "English";
  at("language").lang = language === "en" ? "ja" : "en";
  at("suggestions").replaceChildren(...t("suggestions").map((question) => {
    const item = make("li");
    const button = make("button", "", question);
    button.type = "button";
    button.addEventListener("click", () => ask(question));
    item.append(button);
    return item;
  }));
  showState();
  at("log").replaceChildren(...happenings.map(logged).reverse());
}

// --- asking --------------------------------------------------------------------------------------------------------------------

function ask(question) {
  const turn = make("article", "turn");
  const said = make("p", "asked");
  said.append(make("span", "unseen", t("you_asked") + " "), question);
  const answer = make("div", "answer");
  turn.append(said, answer);
  at("welcome").hidden = true;
  at("conversation").append(turn);
  turn.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  return answerTo(question, answer);
}

async function answerTo(question, answer) {
  const request = `page-${Date.now().toString(36)}-${++asked}`;
  const waiting = make("p", "waiting");
  const words = make("span", "", t("asking"));
  const dots = make("span");
  dots.setAttribute("aria-hidden", "true");
  dots.append(make("i"), make("i"), make("i"));
  waiting.append(dots, words);
  const list = make("ol", "steps");
  answer.replaceChildren(waiting, list);
  steps.set(request, list);
  const began = performance.now();
  const ticking = setInterval(() => { words.textContent = t("asking_s", { s: Math.round((performance.now() - began) / 1000) }); }, 1000);
  try {
    const response = await fetch("/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language, "X-Request-Id": request },
      body: JSON.stringify({ message: question }),
    });
    const body = await response.json();
    if (response.ok) showReply(question, body, answer, list, (performance.now() - began) / 1000);
    else showProblem(question, t("refused", { reason: body.reason ?? response.status }), answer);
  } catch {
    showProblem(question, t("unreachable"), answer);
  } finally {
    clearInterval(ticking);
    steps.delete(request);
  }
}

function showReply(question, reply, answer, list, took) {
  answer.replaceChildren();
  answer.dataset.mode = reply.mode;
  if (reply.notice) answer.append(notice(reply.notice, MODES[reply.mode]));
  if (reply.entries.length) answer.append(entries(reply.entries));
  else answer.append(make("p", "said card", reply.message));
  const preparing = reply.degraded.some((each) => each.reason === "preparing");
  const meta = make("footer", "meta");
  const engine = reply.engine === "extractive" && !reply.entries.length ? "no_quotation" : reply.engine;
  const mode = make("span", MODES[reply.mode], t(`mode_${reply.mode}`));
  mode.prepend(dot());
  meta.append(
    mode,
    make("span", "", t(`engine_${engine}`, { age: age(reply.cached_age_s) })),
    make("span", "", span(took)),
  );
  if (reply.mode !== "normal") meta.append(againButton(question, answer));
  if (list.children.length) {
    const way = make("details");
    way.append(make("summary", "", t("steps", { n: list.children.length })), list);
    meta.append(way);
  }
  if (preparing) {
    answer.append(make("p", "soft", t("held")));
    held.push(() => answerTo(question, answer));
    askHeld();
  }
  answer.append(meta);
}

function showProblem(question, text, answer) {
  const meta = make("footer", "meta");
  meta.append(againButton(question, answer));
  answer.replaceChildren(notice(text, "bad"), meta);
}

function notice(text, kind) {
  const banner = make("p", `notice ${kind}`);
  banner.append(dot(), make("span", "", text));
  return banner;
}

function dot() {
  const mark = make("span", "dot");
  mark.setAttribute("aria-hidden", "true");
  return mark;
}

function againButton(question, answer) {
  const button = make("button", "again", t("again"));
  button.type = "button";
  button.setAttribute("aria-label", t("again_label", { question }));
  button.addEventListener("click", () => answerTo(question, answer));
  return button;
}

function entries(found) {
  const list = make("ol", "entries");
  for (const each of found) {
    const item = make("li", "entry card");
    item.lang = "en";
    const title = make("h3");
    title.append(each.signature ? make("code", "", each.signature) : each.title);
    item.append(title);
    for (const extract of each.extracts) {
      item.append(make("p", "", extract.text));
      if (extract.block) {
        const block = make("pre");
        block.tabIndex = 0;
        block.append(make("code", "", extract.block));
        item.append(block);
      }
    }
    const source = make("p", "source", t("source", { source: each.source || each.title }));
    source.lang = language;
    item.append(source);
    list.append(item);
  }
  return list;
}

function askHeld() {
  if (state?.preparation.ready) for (const again of held.splice(0)) again();
}

function span(seconds) {
  if (seconds === undefined) return "";
  return seconds < 0.995 ? t("milliseconds", { n: Math.round(seconds * 1000) }) : t("seconds", { n: seconds.toFixed(1) });
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

function age(seconds) {
  if (seconds === undefined) return "";
  if (seconds < 90) return t("seconds", { n: Math.round(seconds) });
  if (seconds < 5400) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: Math.round(seconds / 3600) });
}

// --- what works ----------------------------------------------------------------------------------------------------------------

function showState() {
  if (!state) return;
  const preparation = state.preparation;
  const passing = !preparation.ready ? "starting" : state.mode !== "normal" && state.latest_mode === "normal" ? "recovering" : "";
  at("mode").className = `mode ${passing ? "warn" : MODES[state.mode]}`;
  at("mode").title = state.mode;
  set(at("mode-text"), t(passing || `mode_${state.mode}`));
  at("preparing").hidden = preparation.ready;
  set(at("preparing-text"), t("preparing", { percent: preparation.percent }));
  at("preparing-bar").value = preparation.percent;
  const about = t("about", { passages: preparation.passages.toLocaleString(language), version: state.version });
  set(at("about"), [preparation.ready ? about : "", ...preparation.notices].join(" "));
  set(at("since"), t("mode_since", { mode: state.mode, time: clock(state.since) }));
  at("unlock").hidden = Boolean(token);
  for (const part of state.parts) showPart(part);
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
  if (part.duration === "long_term") set(counts, t("long_term", { n: breaker.opened_in_a_row }));
  else if (breaker.state === "closed") set(counts, t(breaker.window_calls ? "counts" : "counts_none", values));
  else set(counts, t("spared", { n: breaker.rejected }));
  const group = card.querySelector(".switches");
  group.setAttribute("aria-label", t(part.part));
  for (const button of group.children) {
    const fault = button.dataset.fault;
    set(button, t(fault || "works"));
    button.setAttribute("aria-label", t("set", { part: t(part.part), fault: t(fault || "works") }));
    button.setAttribute("aria-pressed", String((part.fault ?? "") === fault));
    button.disabled = !token;
  }
}

function newPart(part) {
  const card = at("part-template").content.firstElementChild.cloneNode(true);
  card.id = `part-${part.part}`;
  card.querySelector("h3").id = `title-${part.part}`;
  card.setAttribute("aria-labelledby", `title-${part.part}`);
  card.querySelector("code").textContent = part.pipeline;
  for (const fault of FAULTS) {
    const button = make("button");
    button.type = "button";
    button.dataset.fault = fault;
    button.addEventListener("click", () => flip(part.part, fault));
    card.querySelector(".switches").append(button);
  }
  at("parts").append(card);
  return card;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

async function flip(part, fault) {
  try {
    const response = await fetch("/switches", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify({ part, fault: fault || null }),
    });
    if (response.ok) return;
    if (response.status === 401) lock();
    else connection(t("switch_failed", { reason: (await response.json()).reason }));
  } catch {
    connection(t("unreachable"));
  }
}

function lock() {
  token = "";
  remember(sessionStorage, "token", "");
  at("unlock-problem").hidden = false;
  set(at("unlock-problem"), t("unlock_wrong"));
  showState();
}

async function unlock(given) {
  const response = await fetch("/switches", { headers: { Authorization: `Bearer ${given}` } });
  if (!response.ok) return lock();
  token = given;
  remember(sessionStorage, "token", token);
  at("token").value = "";
  at("unlock-problem").hidden = true;
  showState();
}

async function redeem(code) {
  const response = await fetch("/opening", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code }) });
  if (response.ok) await unlock((await response.json()).token);
}

// --- as it happens -------------------------------------------------------------------------------------------------------------

function happened(event) {
  happenings.push(event);
  if (happenings.length > 50) happenings.shift();
  const log = at("log");
  log.prepend(logged(event));
  while (log.children.length > 50) log.lastElementChild.remove();
  const list = steps.get(event.request_id);
  if (list && event.event !== "answered") list.append(make("li", "", told(event)));
}

function logged(event) {
  const item = make("li");
  const time = make("time", "", clock(event.at));
  time.dateTime = new Date(event.at * 1000).toISOString();
  item.append(time, make("span", "", told(event)));
  return item;
}

function told(event) {
  const attempts = event.attempts === 1 ? t("one_attempt") : t("n_attempts", { n: event.attempts });
  const name = event.event === "switched" ? (event.fault ? "e_broken" : "e_healed") : `e_${event.event}`;
  return t(name, {
    ...event, attempts, part: t(event.part ?? ""), fault: t(event.fault ?? ""), why: t(`why_${event.reason}`),
    state: t(`circuit_${event.state}`), took: span(event.took), delay: span(event.delay), error: t(event.error ?? ""),
  });
}

function connection(text) {
  at("connection").hidden = !text;
  set(at("connection"), text);
}

function listen() {
  const feed = new EventSource("/events");
  let stopped = false;
  feed.addEventListener("open", () => connection(""));
  feed.addEventListener("state", (message) => {
    state = JSON.parse(message.data);
    heardAt = performance.now();
    showState();
    askHeld();
  });
  feed.addEventListener("happened", (message) => happened(JSON.parse(message.data)));
  feed.addEventListener("closed", () => { stopped = true; connection(t("stopped")); });
  feed.addEventListener("error", () => {
    connection(t(stopped ? "stopped" : "lost"));
    stopped = false;
    if (feed.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

// --- the start -----------------------------------------------------------------------------------------------------------------

function takeSecrets() {
  const given = new URLSearchParams(location.hash.slice(1));
  // The token must not stay in the address bar, nor in the history.
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (given.has("token")) unlock(given.get("token"));
  if (given.has("code")) redeem(given.get("code"));
}

function start() {
  const form = at("ask");
  const question = at("question");
  const grow = () => { question.style.height = "auto"; question.style.height = `${question.scrollHeight + 2}px`; };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (!text) return;
    question.value = "";
    grow();
    ask(text);
  });
  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  at("unlock").addEventListener("submit", (event) => { event.preventDefault(); unlock(at("token").value.trim()); });
  at("language").addEventListener("click", () => {
    language = language === "en" ? "ja" : "en";
    remember(localStorage, "language", language);
    speak();
  });
  if (matchMedia("(max-width: 900px)").matches) at("panel").open = false;
  addEventListener("hashchange", takeSecrets);
  takeSecrets();
  speak();
  setInterval(showState, 500);
  listen();
  // On a phone the keyboard would cover the page.
  if (matchMedia("(pointer: fine)").matches) question.focus({ preventScroll: true });
}

start();
