import { SLOTS } from "../race/board.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

const description =
  "Twenty requests write to one session at once: this shop keeps all of them, the usual way keeps the last one.";

export function racePage(visitor: Visitor): string {
  const main = html`<div class="intro">
      <h1>Two tabs at once</h1>
      <p class="lede">
        Twenty people sign one guest book at the same moment: this shop keeps every line, the usual way keeps
        only the page that was handed in last.
      </p>
    </div>
    <div class="start">
      <button class="button" id="start">Send 20 requests to each</button>
      <p id="verdict" role="status"></p>
      <noscript>
        <p class="alert">
          JavaScript is off, so this page cannot send twenty requests at once. The rest of the shop works
          without it.
        </p>
      </noscript>
    </div>
    <div class="racers" id="racers">
      ${racer({
        id: "sojourn",
        title: "This shop’s session",
        how: "Merges what each request has changed.",
      })}
      ${racer({
        id: "last-write-wins",
        title: "Last write wins",
        how: "The usual way: read all of it, change something, write all of it back.",
      })}
    </div>
    ${fineprint(visitor)}`;
  return layout({
    title: "Two tabs at once",
    path: "/race",
    visitor,
    main,
    script: "/race.mjs",
    description,
  });
}

function racer({ id, title, how }: { id: string; title: string; how: string }): Html {
  const slots = Array.from({ length: SLOTS }, (_, index) => index + 1);
  return html`<section class="panel racer" id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    <p class="how">${how}</p>
    <p class="score"><strong data-kept data-empty>–</strong> <span>of ${SLOTS} notes kept</span></p>
    <ol class="grid" aria-label="Notes: ${title}">
      ${slots.map((slot) => html`<li class="cell" data-slot="${slot}">${slot}<span class="unseen" data-word></span></li>`)}
    </ol>
    <p class="score small">
      <strong data-count data-empty>–</strong> <span>is what ${SLOTS} times plus one came to</span>
    </p>
    <div class="bar" aria-hidden="true">
      <svg viewBox="0 0 ${SLOTS} 1" preserveAspectRatio="none"><rect width="0" height="1" data-bar /></svg>
    </div>
  </section>`;
}

function fineprint({ store }: Visitor): Html {
  return html`<details class="fineprint">
    <summary>How this is measured</summary>
    <p>
      Each request reads its session, waits 40 milliseconds as one with a database would, and writes. First
      ${SLOTS} requests write a note each, every one another part of the session; then ${SLOTS} requests add
      one to the same number. Browsers send about six at a time. Both sessions are kept in ${store}, and at
      the end both are read once more: the numbers above are what was found.
    </p>
    <div class="codes">
      <figure>
        <figcaption>This shop’s session</figcaption>
        <pre><code>const session = await sessions.from(req);
await think();
session.data.race.notes[slot] = note;

// to count
await session.update((data) =&gt; {
  data.race.count++;
});</code></pre>
      </figure>
      <figure>
        <figcaption>Last write wins</figcaption>
        <pre><code>const record = await load(id);
await think();
record.notes[slot] = note;
await save(id, record);

// to count
record.count++;
await save(id, record);</code></pre>
      </figure>
    </div>
  </details>`;
}
