import { type Ack, AGES, type AgeReport, type Evidence, MAX_STALE, type Span } from "./tier-messages.ts";

/** The reads of one process: which value, of which key, when the read began. */
export class ReadLog {
  #times = new Float64Array(1 << 16);
  #keys = new Uint16Array(1 << 16);
  #numbers = new Uint32Array(1 << 16);
  #count = 0;

  add(at: number, key: number, number: number): void {
    if (this.#count === this.#times.length) this.#grow();
    this.#times[this.#count] = at;
    this.#keys[this.#count] = key;
    this.#numbers[this.#count++] = number;
  }

  /** Judges all reads by the acknowledged writes of all processes. */
  judge({ acks, silences, pauses }: Evidence): Omit<AgeReport, "writes" | "failures"> {
    const acksOfKey = byKey(acks);
    const histogram = AGES.map(() => 0);
    let [oldest, oldestHeard] = [0, 0];
    for (let read = 0; read < this.#count; read++) {
      const at = this.#times[read] ?? 0;
      const newer = firstNewer(acksOfKey.get(this.#keys[read] ?? 0) ?? [], this.#numbers[read] ?? 0);
      if (newer === undefined || newer.at >= at) continue;
      const age = at - newer.at;
      const span = AGES.findIndex((end) => age < end);
      histogram[span] = (histogram[span] ?? 0) + 1;
      oldest = Math.max(oldest, age);
      if (age <= oldestHeard || silences.some(({ from, to }) => from <= at && at <= to)) continue;
      oldestHeard = Math.max(oldestHeard, age - timeOf(pauses, { from: newer.at, to: at }));
    }
    return { reads: this.#count, histogram, oldest, oldestHeard };
  }

  #grow(): void {
    const [times, keys, numbers] = [this.#times, this.#keys, this.#numbers];
    this.#times = new Float64Array(2 * this.#count);
    this.#keys = new Uint16Array(2 * this.#count);
    this.#numbers = new Uint32Array(2 * this.#count);
    this.#times.set(times);
    this.#keys.set(keys);
    this.#numbers.set(numbers);
  }
}

/** Returns the earliest acknowledged write after the one whose value was read. */
function firstNewer(acks: readonly Ack[], number: number): Ack | undefined {
  let [low, high] = [0, acks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((acks[middle]?.number ?? 0) > number) high = middle;
    else low = middle + 1;
  }
  return acks[low];
}

function byKey(acks: readonly Ack[]): Map<number, Ack[]> {
  const lists = new Map<number, Ack[]>();
  for (const ack of acks.toSorted((left, right) => left.number - right.number)) {
    const list = lists.get(ack.key);
    if (list === undefined) lists.set(ack.key, [ack]);
    else list.push(ack);
  }
  return lists;
}

/** Returns how much of a span lies in any of others, which may overlap. */
function timeOf(spans: readonly Span[], { from, to }: Span): number {
  const inside = spans
    .map((span) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to) }))
    .filter((span) => span.to > span.from)
    .toSorted((left, right) => left.from - right.from);
  let [sum, end] = [0, from];
  for (const span of inside) {
    sum += Math.max(0, span.to - Math.max(end, span.from));
    end = Math.max(end, span.to);
  }
  return sum;
}

/** Adds up the reports of processes. */
export function sumOf(reports: readonly AgeReport[]): AgeReport {
  const sum = (of: (report: AgeReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const most = (of: (report: AgeReport) => number): number => Math.max(...reports.map(of));
  return {
    reads: sum(({ reads }) => reads),
    writes: sum(({ writes }) => writes),
    failures: sum(({ failures }) => failures),
    histogram: AGES.map((_, span) => sum(({ histogram }) => histogram[span] ?? 0)),
    oldest: most(({ oldest }) => oldest),
    oldestHeard: most(({ oldestHeard }) => oldestHeard),
  };
}

/** Writes a histogram of the ages of old reads, a line a span. */
export function describeAges({ reads, writes, failures, histogram, oldest, oldestHeard }: AgeReport): string {
  const old = histogram.reduce((sum, count) => sum + count, 0);
  const lines = histogram.map((count, span) => `  < ${String(AGES[span])} ms: ${count}`);
  const head = `${reads} reads, ${writes} writes, ${failures} failures; ${old} old reads, by their age:`;
  const foot = `oldest ${oldest.toFixed(1)} ms (maxStale ${MAX_STALE}), of what could be heard ${oldestHeard.toFixed(1)} ms`;
  return [head, ...lines, foot, ""].join("\n");
}
