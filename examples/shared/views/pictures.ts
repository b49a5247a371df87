import type { Product } from "../products.ts";
import { html, type Html } from "./html.ts";

/**
 * A drawing in three tones, which the style sheet sets: `a` the thing, `b` its shade, `c` its
 * light.
 */
const drawings: Readonly<Record<string, Html>> = {
  mug: html`<path class="b" d="M104 46h10a16 16 0 0 1 0 32h-10v-9h9a7 7 0 0 0 0-14h-9z" />
    <path class="a" d="M48 36h58v46a14 14 0 0 1-14 14H62a14 14 0 0 1-14-14z" />
    <path class="b" d="M92 36h14v46a14 14 0 0 1-14 14h-6c4-2 6-8 6-14z" />
    <rect class="c" x="45" y="32" width="64" height="7" rx="3.5" />
    <circle class="c" cx="62" cy="62" r="2.5" />
    <circle class="c" cx="78" cy="74" r="1.8" />
    <circle class="c" cx="74" cy="54" r="1.5" />`,
  notebook: html`<rect class="c" x="56" y="26" width="56" height="74" rx="3" />
    <rect class="a" x="50" y="22" width="58" height="76" rx="4" />
    <path class="b" d="M50 26a4 4 0 0 1 4-4h7v76h-7a4 4 0 0 1-4-4z" />
    <rect class="c" x="70" y="36" width="27" height="16" rx="2" />
    <rect class="b" x="75" y="42" width="17" height="3" rx="1.5" />
    <rect class="b" x="100" y="22" width="4" height="76" />`,
  blanket: html`<rect class="b" x="38" y="76" width="84" height="20" rx="10" />
    <rect class="a" x="36" y="54" width="88" height="24" rx="12" />
    <rect class="c" x="38" y="34" width="84" height="22" rx="11" />
    <path class="b" d="M58 54h8v24h-8zM74 54h4v24h-4z" />
    <path class="a" d="M58 34h8v22h-8zM74 34h4v22h-4z" />
    <path class="a" d="M58 78h8v18h-8zM74 78h4v18h-4z" />`,
  kettle: html`<path class="b" d="M54 44c0-32 52-32 52 0h-6c0-23-40-23-40 0z" />
    <path class="b" d="M106 62l18-14 5 5-21 24z" />
    <path class="a" d="M58 46h44l10 42a8 8 0 0 1-8 10H56a8 8 0 0 1-8-10z" />
    <path class="b" d="M92 46h10l10 42a8 8 0 0 1-8 10H92c6 0 9-5 8-10z" />
    <rect class="c" x="54" y="42" width="52" height="7" rx="3.5" />
    <circle class="c" cx="80" cy="38" r="5" />`,
  lamp: html`<path class="glow" d="M74 56h44l16 44H58z" />
    <path class="b" d="M48 94V42a4 4 0 0 1 4-4h34v6H54v50z" />
    <rect class="a" x="34" y="92" width="38" height="8" rx="4" />
    <path class="a" d="M82 28h28a4 4 0 0 1 4 3l7 25H71l7-25a4 4 0 0 1 4-3z" />
    <path class="b" d="M102 28h8a4 4 0 0 1 4 3l7 25h-12z" />
    <rect class="c" x="70" y="54" width="52" height="4" rx="2" />`,
  bag: html`<path class="b" d="M60 48V36a20 20 0 0 1 40 0v12h-6V36a14 14 0 0 0-28 0v12z" />
    <path class="a" d="M44 44h72l6 48a7 7 0 0 1-7 8H45a7 7 0 0 1-7-8z" />
    <path class="b" d="M104 44h12l6 48a7 7 0 0 1-7 8h-10c5 0 7-3 7-8z" />
    <path class="c" d="M60 64h38v18a6 6 0 0 1-6 6H66a6 6 0 0 1-6-6z" />
    <rect class="b" x="60" y="64" width="38" height="4" />`,
};

/** The picture adds nothing to the name beside it, so it is hidden from screen readers. */
export function picture({ id }: Product): Html {
  return html`<div class="picture tint-${id}">
    <svg viewBox="0 0 160 120" aria-hidden="true" focusable="false">
      <ellipse class="ground" cx="80" cy="100" rx="52" ry="5" />
      ${drawings[id]}
    </svg>
  </div>`;
}
