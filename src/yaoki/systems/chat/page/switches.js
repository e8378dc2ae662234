// Breaking and healing a part by hand, for who has the token. It stays in this tab: never in the address, never in the history.

import { at, problem, set } from "./dom.js";
import { t } from "./language.js";
import { forThisTab, remember, remembered } from "./remembered.js";

let token = remembered(forThisTab, "token") || "";
const listeners = [];

export const hasToken = () => Boolean(token);

export function onToken(listener) {
  listeners.push(listener);
}

export async function flip(part, fault) {
  try {
    const response = await post("/switches", { part, fault: fault || null }, { Authorization: `Bearer ${token}` });
    if (response.ok) return;
    if (response.status === 401) lock();
    else problem(t("switch_failed", { reason: (await response.json()).reason }));
  } catch {
    problem(t("unreachable"));
  }
}

export async function unlock(given) {
  try {
    const response = await fetch("/switches", { headers: { Authorization: `Bearer ${given}` } });
    if (response.ok) open(given);
    else lock();
  } catch {
    problem(t("unreachable"));
  }
}

// A page that the command line opened has a code for the token in its address; one that a person opened may have the token.
export function takeSecrets() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (given.has("token")) unlock(given.get("token"));
  if (given.has("code")) redeem(given.get("code"));
}

async function redeem(code) {
  const response = await post("/opening", { code });
  if (response.ok) await unlock((await response.json()).token);
}

function open(given) {
  token = given;
  remember(forThisTab, "token", token);
  at("token").value = "";
  at("unlock-problem").hidden = true;
  changed();
}

function lock() {
  token = "";
  remember(forThisTab, "token", "");
  at("unlock-problem").hidden = false;
  set(at("unlock-problem"), t("unlock_wrong"));
  changed();
}

function changed() {
  at("unlock").hidden = hasToken();
  for (const listener of listeners) listener();
}

function post(path, body, headers = {}) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
}

export function startSwitches() {
  at("unlock").addEventListener("submit", (event) => {
    event.preventDefault();
    unlock(at("token").value.trim());
  });
  addEventListener("hashchange", takeSecrets);
  changed();
  takeSecrets();
}
