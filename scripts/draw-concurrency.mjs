// @ts-check
// Draws the pictures of docs/guides/concurrency.md into docs/guides/images/. Run it after a change
// here.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inProject } from "./lib/project.mjs";

/**
 * One line of a sequence, from top to bottom.
 *
 * - `to` or `from` Redis: an arrow between a request's lane and the middle one.
 * - `at`: a note on a request's lane.
 * - `store`: what is in Redis from here on.
 *
 * @typedef {object} Step
 * @property {"a" | "b"} [to] Redis answers this request.
 * @property {"a" | "b"} [from] This request asks Redis.
 * @property {"a" | "b"} [at] This request does something.
 * @property {string} [text]
 * @property {string} [store]
 * @property {boolean} [isRefused] Redis says no, or nothing is there.
 */

/**
 * @typedef {object} Panel
 * @property {string} heading
 * @property {readonly [a: string, b: string]} lanes
 * @property {readonly Step[]} steps
 * @property {"good" | "bad"} verdict
 * @property {string} result
 */

/**
 * @typedef {object} Picture
 * @property {string} title
 * @property {string} description
 * @property {readonly Panel[]} panels
 */

const LANES = { a: 84, store: 230, b: 376 };
const PANEL = { width: 460, gap: 20, margin: 20 };
const TOP = 112;
const ROW = 42;
const STORE_ROW = 46;
const FOOT = 78;

/** @type {Record<string, Picture>} */
const PICTURES = {
  "parallel-writes": {
    title: "Two requests that change different parts of one session",
    description:
      "Both requests read an empty cart. With last write wins, the second write replaces the first, and the tea is lost. " +
      "Sojourn's second write is refused because the version has changed; it is merged with the first one, and the cart " +
      "has tea and mug.",
    panels: [
      {
        heading: "Last write wins",
        lanes: ["adds tea", "adds a mug"],
        steps: [
          { store: "cart: {}" },
          { to: "a", text: "read" },
          { to: "b", text: "read" },
          { from: "a", text: "write" },
          { store: "cart: { tea }" },
          { from: "b", text: "write" },
          { store: "cart: { mug }" },
        ],
        verdict: "bad",
        result: "The tea is lost, and nobody is told.",
      },
      {
        heading: "Sojourn: three-way merge",
        lanes: ["adds tea", "adds a mug"],
        steps: [
          { store: "v1 · cart: {}" },
          { to: "a", text: "read v1" },
          { to: "b", text: "read v1" },
          { from: "a", text: "write on v1" },
          { store: "v2 · cart: { tea }" },
          { from: "b", text: "write on v1" },
          { to: "b", text: "no: here is v2", isRefused: true },
          { at: "b", text: "merge" },
          { from: "b", text: "write on v2" },
          { store: "v3 · cart: { tea, mug }" },
        ],
        verdict: "good",
        result: "Both are in the cart.",
      },
    ],
  },
  "update-retry": {
    title: "Two updates of one number",
    description:
      "Both requests call update to add 1 to n, which is 7. The first commits 8. The second is refused, since the version " +
      "has changed, runs its function again on 8, and commits 9.",
    panels: [
      {
        heading: "session.update((data) => data.n++)",
        lanes: ["update", "update"],
        steps: [
          { store: "v1 · n: 7" },
          { to: "a", text: "read v1" },
          { to: "b", text: "read v1" },
          { at: "a", text: "fn: 7 → 8" },
          { at: "b", text: "fn: 7 → 8" },
          { from: "a", text: "write on v1" },
          { store: "v2 · n: 8" },
          { from: "b", text: "write on v1" },
          { to: "b", text: "no: here is v2", isRefused: true },
          { at: "b", text: "fn: 8 → 9" },
          { from: "b", text: "write on v2" },
          { store: "v3 · n: 9" },
        ],
        verdict: "good",
        result: "Two updates, counted twice.",
      },
    ],
  },
  "logout-and-slow-writer": {
    title: "A logout, and a request that is still under way",
    description:
      "A slow request reads the session, then another one logs out and the session is deleted. Where a save may create, the " +
      "slow request's write brings the session back. Sojourn's write is refused because there is nothing to write to, and " +
      "the request fails with SessionInterrupted.",
    panels: [
      {
        heading: "A save that may create",
        lanes: ["slow page", "logout"],
        steps: [
          { store: "user: ada" },
          { to: "a", text: "read" },
          { from: "b", text: "delete" },
          { store: "nothing" },
          { to: "b", text: "done" },
          { from: "a", text: "write" },
          { store: "user: ada" },
        ],
        verdict: "bad",
        result: "Logged out, and logged in again.",
      },
      {
        heading: "Sojourn: a commit never creates",
        lanes: ["slow page", "logout"],
        steps: [
          { store: "v1 · user: ada" },
          { to: "a", text: "read v1" },
          { from: "b", text: "delete" },
          { store: "nothing" },
          { to: "b", text: "done" },
          { from: "a", text: "write on v1" },
          { to: "a", text: "no: it is gone", isRefused: true },
          { at: "a", text: "400" },
          { store: "nothing" },
        ],
        verdict: "good",
        result: "The session stays dead; the writer is told.",
      },
    ],
  },
};

// Each picture has its own ground, so it is readable on a page that is light while the system is
// dark, and the reverse.
const STYLE = `
    .ground { fill: #ffffff; stroke: #d5dbe3; }
    .panel { fill: #f6f8fa; }
    .heading { fill: #1b2430; font-weight: 600; font-size: 17px; }
    .text, .code { fill: #1b2430; font-size: 14px; }
    .code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 13.5px; }
    .lane { stroke: #c3cad4; stroke-width: 2; }
    .a { --hue: #0b5cad; --tint: #dcebfb; }
    .b { --hue: #9a4a00; --tint: #fde8d3; }
    .bad { --hue: #b3261e; --tint: #fbe3e1; }
    .good { --hue: #1a6b39; --tint: #dcf3e3; }
    .store { --hue: #5b6675; --tint: #ffffff; }
    .box { fill: var(--tint); stroke: var(--hue); stroke-width: 1.5; }
    .arrow { stroke: var(--hue); stroke-width: 2; fill: none; }
    .name { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; stroke: #2f3743; }
      .panel { fill: #161b22; }
      .heading, .text, .code { fill: #e6edf3; }
      .lane { stroke: #3b4553; }
      .a { --hue: #79b8ff; --tint: #12263f; }
      .b { --hue: #ffab70; --tint: #3a2410; }
      .bad { --hue: #ff938a; --tint: #40171a; }
      .good { --hue: #7ee2a0; --tint: #12321f; }
      .store { --hue: #8b97a7; --tint: #0d1117; }
    }
    .ink { fill: var(--hue); }`;

/**
 * The pictures: the text of each, by the name of its file.
 *
 * @returns {Map<string, string>}
 */
export function drawPictures() {
  return new Map(
    Object.entries(PICTURES).map(([name, picture]) => [`${name}.svg`, drawPicture(name, picture)]),
  );
}

/**
 * @param {string} name
 * @param {Picture} picture
 */
function drawPicture(name, { title, description, panels }) {
  const { width: panelWidth, gap, margin } = PANEL;
  const inner = Math.max(...panels.map(heightOf));
  const width = 2 * margin + panels.length * panelWidth + (panels.length - 1) * gap;
  const height = 2 * margin + inner;
  const drawn = panels.map((panel, index) =>
    drawPanel(panel, margin + index * (panelWidth + gap), margin, inner),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${name}-title ${name}-desc" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif">`,
    `  <title id="${name}-title">${escape(title)}</title>`,
    `  <desc id="${name}-desc">${escape(description)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="12"/>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

/** @param {Step} step */
function rowOf(step) {
  return step.store === undefined ? ROW : STORE_ROW;
}

/** @param {Panel} panel */
function heightOf({ steps }) {
  return TOP + steps.reduce((sum, step) => sum + rowOf(step), 0) + FOOT;
}

/**
 * @param {Panel} panel
 * @param {number} x
 * @param {number} y
 * @param {number} height
 */
function drawPanel({ heading, lanes, steps, verdict, result }, x, y, height) {
  const foot = height - FOOT + 8;
  const parts = [
    `<rect class="panel" width="${PANEL.width}" height="${height}" rx="8"/>`,
    `<text class="heading" x="${PANEL.width / 2}" y="32" text-anchor="middle">${escape(heading)}</text>`,
    ...Object.values(LANES).map((lane) => `<path class="lane" d="M${lane} 88V${foot}"/>`),
    box("a", LANES.a, 70, lanes[0], "name ink"),
    box("store", LANES.store, 70, "Redis", "name ink"),
    box("b", LANES.b, 70, lanes[1], "name ink"),
  ];
  let at = TOP;
  for (const step of steps) {
    parts.push(drawStep(step, at + rowOf(step) / 2));
    at += rowOf(step);
  }
  parts.push(
    box(
      verdict,
      PANEL.width / 2,
      height - 36,
      `${verdict === "good" ? "✓" : "✗"}  ${result}`,
      "name ink",
      420,
    ),
  );
  return `  <g transform="translate(${x} ${y})">\n${parts.map((part) => `    ${part}`).join("\n")}\n  </g>`;
}

/**
 * @param {Step} step
 * @param {number} y
 */
function drawStep({ to, from, at, text = "", store, isRefused = false }, y) {
  if (store !== undefined) return box("store", LANES.store, y, store, "code");
  if (at !== undefined) return box(at, LANES[at], y, text, "code");
  const side = to ?? from ?? "a";
  return arrow(isRefused ? "bad" : side, LANES[side], y, text, to !== undefined);
}

/**
 * A rounded box around a text, as wide as the text needs.
 *
 * @param {string} kind
 * @param {number} x Its middle.
 * @param {number} y Its middle.
 * @param {string} text
 * @param {string} style
 * @param {number} [width]
 */
function box(kind, x, y, text, style, width = Math.max(72, Math.ceil(text.length * 8.4) + 24)) {
  const rect = `<rect class="box" x="${x - width / 2}" y="${y - 16}" width="${width}" height="32" rx="8"/>`;
  const label = style.includes("code") ? `code` : `text ${style}`;
  return `<g class="${kind}">${rect}<text class="${label}" x="${x}" y="${y + 5}" text-anchor="middle">${escape(text)}</text></g>`;
}

/**
 * An arrow between a request and Redis, its text above it.
 *
 * @param {string} kind
 * @param {number} lane
 * @param {number} y
 * @param {string} text
 * @param {boolean} isAnswer True for an arrow to the request.
 */
function arrow(kind, lane, y, text, isAnswer) {
  const sign = lane < LANES.store ? 1 : -1;
  const [left, right] = [lane + sign * 5, LANES.store - sign * 5];
  const [tail, head] = isAnswer ? [right, left] : [left, right];
  const back = Math.sign(tail - head);
  const line = `<path class="arrow" d="M${tail} ${y + 10}H${head + back * 3}"/>`;
  const point = `<path class="ink" d="M${head} ${y + 10}l${back * 11} -6v12z"/>`;
  const label = `<text class="text ink" x="${(lane + LANES.store) / 2}" y="${y + 1}" text-anchor="middle">${escape(text)}</text>`;
  return `<g class="${kind}">${line}${point}${label}</g>`;
}

/** @param {string} text */
function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = inProject("docs", "guides", "images");
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of drawPictures()) writeFileSync(join(folder, file), text);
}
