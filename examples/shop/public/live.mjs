// Updates the regions marked data-live from the server, and sends forms without leaving the page.
// The shop also works without this script, only without live updates.

const POLL_MS = 2000;
// Tells the shop that this is not a page load: one-time notices have to wait for one.
const headers = { "X-Requested-With": "live.mjs" };

const nav = document.getElementById("nav");
const announcement = document.getElementById("announcement");
let queue = Promise.resolve();
let waiting = 0;

// One request of this tab at a time, so that an older response never replaces a newer one.
function enqueue(task, onFailure) {
  waiting++;
  queue = queue
    .then(task)
    .catch(onFailure)
    .finally(() => waiting--);
}

async function show(response) {
  const page = parse(await response.text());
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (fresh && !fresh.isEqualNode(old)) swap(old, fresh);
  }
  showInStep();
}

function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : undefined;
  old.replaceChildren(...fresh.childNodes);
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  if (focused && !document.contains(focused))
    (document.getElementById(focused.id) ?? old.closest("main"))?.focus();
}

function showInStep() {
  showPulse(`In step at ${new Date().toLocaleTimeString()}`, "ok");
}

function showPulse(text, state) {
  const pulse = document.getElementById("pulse");
  if (!pulse) return;
  pulse.dataset.state = state;
  document.getElementById("pulse-text").textContent = text;
}

function refresh() {
  if (document.visibilityState !== "visible" || waiting > 0 || !nav?.hasAttribute("data-live")) return;
  enqueue(follow, () => showPulse("The shop does not answer", "lost"));
}

async function follow() {
  const response = await fetch(location.pathname, { headers });
  if (!response.ok) throw new Error(`The shop answered ${response.status}.`);
  await show(response);
}

async function send(form) {
  const response = await fetch(form.action, {
    method: "POST",
    headers,
    body: new URLSearchParams(new FormData(form)),
  });
  if (!response.ok) return showError(response);
  await show(response);
  announce(document.getElementById("cart-link")?.ariaLabel ?? "Cart, empty", "unseen");
}

function announce(text, className) {
  announcement.className = className;
  announcement.textContent = text;
}

async function showError(response) {
  const page = parse(await response.text());
  document.getElementById("main").replaceWith(page.getElementById("main"));
  document.getElementById("main").focus();
}

function parse(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

// A visitor's first change starts the session. Two tabs would start two, so the first changes are
// serialised.
function sendInTurn(form) {
  if (nav.dataset.visitor !== "new" || !navigator.locks) return send(form);
  return navigator.locks.request("first-change", () => send(form));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-swap")) {
    event.preventDefault();
    enqueue(
      () => sendInTurn(form),
      () => announce("The shop does not answer. Look at your cart before you try again.", "alert toast"),
    );
  } else if (form.hasAttribute("data-once")) {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  }
});

addEventListener("pageshow", ({ persisted }) => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  if (!persisted) return;
  document.getElementById("notices")?.remove();
  refresh();
});
addEventListener("focus", refresh);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, POLL_MS);
showInStep();
