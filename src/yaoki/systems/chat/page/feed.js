// The live feed of the service: GET /events, again and again as long as the page is open.

import { problem } from "./dom.js";
import { t } from "./language.js";

const PAUSE = 3000;

// `heard.state(state)` gets the newest state, `heard.happened(event)` what happens in between.
export function listen(heard) {
  const feed = new EventSource("/events");
  let stopped = false;
  feed.addEventListener("open", () => problem(""));
  feed.addEventListener("state", (message) => heard.state(JSON.parse(message.data)));
  feed.addEventListener("happened", (message) => heard.happened(JSON.parse(message.data)));
  feed.addEventListener("closed", () => {
    stopped = true;
    problem(t("stopped"));
  });
  feed.addEventListener("error", () => {
    problem(t(stopped ? "stopped" : "lost"));
    stopped = false;
    if (feed.readyState === EventSource.CLOSED) setTimeout(listen, PAUSE, heard);
  });
}
