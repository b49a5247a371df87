// Sends the requests of a round and shows the contents of each session after each response.

const start = document.getElementById("start");
const verdict = document.getElementById("verdict");
const racers = ["sojourn", "last-write-wins"];

start.addEventListener("click", async () => {
  if (start.ariaDisabled === "true") return;
  start.ariaDisabled = "true";
  try {
    await runRound();
  } catch {
    verdict.textContent =
      "The round broke off: the shop gave no answer, or the session changed. Please try again.";
  }
  start.ariaDisabled = "false";
});

async function runRound() {
  verdict.textContent = "Twenty requests are on their way …";
  document.getElementById("racers").scrollIntoView({ block: "nearest" });
  const boards = racers.map((racer) => new Board(racer));
  await request("POST", "/race/rounds");
  for (const board of boards) await board.writeNotes();
  for (const board of boards) await board.countUp();
  for (const board of boards) await board.readAgain();
  const [ours, theirs] = boards.map(({ kept, count }) => `${kept} of 20 notes, and counted to ${count}`);
  verdict.textContent = `This shop kept ${ours}. Last write wins kept ${theirs}.`;
  verdict.dataset.done = "yes";
}

class Board {
  constructor(racer) {
    this.racer = racer;
    this.section = document.getElementById(racer);
    this.cells = [...this.section.querySelectorAll("[data-slot]")];
    this.latest = 0;
    this.phase = "notes";
    delete verdict.dataset.done;
    for (const cell of this.cells) mark(cell, "");
    this.setNumber("[data-kept]", undefined);
    this.setCount(undefined);
  }

  async writeNotes() {
    await Promise.all(this.cells.map((cell) => this.writeNote(cell)));
  }

  async writeNote(cell) {
    mark(cell, "sent");
    const report = await request("POST", `/race/${this.racer}/notes/${cell.dataset.slot}`);
    cell.dataset.answered = "yes";
    this.show(report);
  }

  async countUp() {
    this.phase = "count";
    await Promise.all(
      this.cells.map(async () => this.show(await request("POST", `/race/${this.racer}/count`))),
    );
  }

  async readAgain() {
    this.show(await request("GET", `/race/${this.racer}`));
  }

  // Responses may arrive out of order: only the newest shows the current session.
  show({ answer, notes, count }) {
    if (answer < this.latest) return;
    this.latest = answer;
    this.kept = notes.length;
    this.count = count;
    for (const cell of this.cells) {
      if (cell.dataset.answered) mark(cell, notes.includes(cell.dataset.slot) ? "kept" : "lost");
    }
    this.setNumber("[data-kept]", notes.length);
    if (this.phase === "count") this.setCount(count);
  }

  setCount(count) {
    this.setNumber("[data-count]", count);
    this.section.querySelector("[data-bar]").setAttribute("width", count ?? 0);
  }

  setNumber(selector, number) {
    const element = this.section.querySelector(selector);
    element.textContent = number ?? "–";
    element.toggleAttribute("data-empty", number === undefined);
  }
}

function mark(cell, state) {
  if (state === "") delete cell.dataset.answered;
  cell.dataset.state = state;
  cell.querySelector("[data-word]").textContent = state === "" ? "" : ` ${state}`;
}

async function request(method, path) {
  const response = await fetch(path, { method });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.status === 204 ? undefined : response.json();
}
