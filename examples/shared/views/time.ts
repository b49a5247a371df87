import { html, type Html } from "./html.ts";

const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

export function time(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${format.format(date)} UTC</time>`;
}

/** "13 days 23 hours", "2 hours 5 minutes": the two largest units, and nothing under a minute. */
export function span(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  const units = [
    counted(Math.floor(minutes / 1440), "day"),
    counted(Math.floor(minutes / 60) % 24, "hour"),
    counted(minutes % 60, "minute"),
  ];
  const largest = units.findIndex((unit) => !unit.startsWith("0 "));
  return largest < 0 ? "less than a minute" : units.slice(largest, largest + 2).join(" ");
}

function counted(count: number, unit: string): string {
  return `${count} ${count === 1 ? unit : `${unit}s`}`;
}
