// What happens to the two parts, as it happens: retries, refusals, circuits that open and close.

import { stepTaken } from "./conversation.js";
import { at, make } from "./dom.js";
import { clock, span } from "./format.js";
import { onSpeak, t } from "./language.js";

const MOST = 50;
const happenings = [];   // the newest last

export function happened(event) {
  happenings.push(event);
  if (happenings.length > MOST) happenings.shift();
  const log = at("log");
  log.prepend(logged(event));
  while (log.children.length > MOST) log.lastElementChild.remove();
  if (event.event !== "answered") stepTaken(event.request_id, told(event));
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

onSpeak(() => at("log").replaceChildren(...happenings.map(logged).reverse()));
