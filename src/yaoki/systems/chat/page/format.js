// Times and numbers, in the language of the reader.

import { language, t } from "./language.js";

export function span(seconds) {
  if (seconds === undefined) return "";
  return seconds < 0.995 ? t("milliseconds", { n: Math.round(seconds * 1000) }) : t("seconds", { n: seconds.toFixed(1) });
}

export function age(seconds) {
  if (seconds === undefined || seconds === null) return "";
  if (seconds < 90) return t("seconds", { n: Math.round(seconds) });
  if (seconds < 5400) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: Math.round(seconds / 3600) });
}

export function clock(seconds) {
  const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Date(seconds * 1000).toLocaleTimeString(language(), parts);
}

export const count = (number) => number.toLocaleString(language());
