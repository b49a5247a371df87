import { readSigned, type StoredRecord } from "../stored-record.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { layout } from "./layout.ts";
import { span, time } from "../../shared/views/time.ts";
import type { Visitor } from "./visitor.ts";

export function recordPage(visitor: Visitor, record: StoredRecord | undefined): string {
  const main = html`<div class="intro">
      <h1>Your record in the store</h1>
      <p class="lede">This is your own session as stored in ${visitor.store}.</p>
    </div>
    <div id="record" data-live>${record === undefined ? nothing(visitor) : shown(record)}</div>`;
  return layout({ title: "Your record in the store", path: "/record", visitor, main });
}

function nothing({ store }: Visitor): Html {
  if (store !== "Redis") {
    return html`<p class="aside">
      This shop keeps its sessions in memory: there is no text to show. Start it with <code>REDIS_URL</code>,
      and this page shows the record in Redis.
    </p>`;
  }
  return html`<p class="aside">
      You have no session yet. It begins with the first thing that you put into the cart.
    </p>
    <p class="actions"><a class="button" href="/">To the shop</a></p>`;
}

function shown({ maskedKey, text, ttl }: StoredRecord): Html {
  const { parts, json, signedAt } = readSigned(text);
  const [data, stamp, signature] = parts;
  return html`<dl class="facts">
      <div>
        <dt>Key</dt>
        <dd class="code" id="record-key">
          ${maskedKey}<br /><span class="line">the rest is your cookie, and stays a secret</span>
        </dd>
      </div>
      <div>
        <dt>Forgotten in</dt>
        <dd id="record-ttl">${span(ttl)}</dd>
      </div>
    </dl>
    <div class="halves">
      <section class="panel" aria-labelledby="raw-title">
        <h2 id="raw-title">The text</h2>
        <p>
          ${text.length.toLocaleString("en")} characters, signed as Django signs them: three parts with colons
          between.
        </p>
        <p class="code raw" id="raw"><b>${data}</b>:<em>${stamp}</em>:<span>${signature}</span></p>
        <dl class="parts">
          <dt><b>The data</b></dt>
          <dd>
            is JSON in
            base64url${data.startsWith(".") && ", and the dot in front says that zlib has made it shorter"}.
          </dd>
          <dt><em>The time</em></dt>
          <dd>is when it was signed, in seconds since 1970 and in base 62: ${time(signedAt)}.</dd>
          <dt><span>The signature</span></dt>
          <dd>is an HMAC of the other two with the shop’s secret, so that only the shop can change them.</dd>
        </dl>
      </section>
      <section class="panel" aria-labelledby="json-title">
        <h2 id="json-title">The contents</h2>
        <p>Signed does not mean encrypted: anyone with access to the store can read this.</p>
        <pre class="wrapped" id="json"><code>${JSON.stringify(JSON.parse(json), undefined, 2)}</code></pre>
      </section>
    </div>`;
}
