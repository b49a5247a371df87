/** Present behaviour of the network. All of it can be changed while connections are open. */
export interface Conditions {
  /** How much later each byte arrives, each way, in milliseconds. */
  latency: number;
  /**
   * Swallows all bytes, both ways. A connection that has lost bytes stays mute: TCP never delivers a stream
   * with a gap.
   */
  blackHole: boolean;
  /** How much goes through, each way and connection; `undefined`: any amount. */
  bytesPerSecond: number | undefined;
}

/** Pause between two pieces of a trickle, in milliseconds. */
const PIECE_GAP = 10;

interface Item {
  readonly due: number;
  readonly deliver: () => void;
}

/**
 * Bytes on their way, in order. Without latency and limits they pass through at once. There is no
 * back-pressure.
 */
export class ByteQueue {
  readonly #conditions: Readonly<Conditions>;
  readonly #deliver: (bytes: Buffer) => void;
  readonly #items: Item[] = [];
  #lastDue = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(conditions: Readonly<Conditions>, deliver: (bytes: Buffer) => void) {
    this.#conditions = conditions;
    this.#deliver = deliver;
  }

  push(bytes: Buffer): void {
    const { latency, bytesPerSecond } = this.#conditions;
    if (bytesPerSecond === undefined) return this.#add(latency, 0, () => this.#deliver(bytes));
    const size = Math.max(1, Math.floor((bytesPerSecond * PIECE_GAP) / 1000));
    for (let start = 0; start < bytes.length; start += size) {
      this.#add(latency, PIECE_GAP, () => this.#deliver(bytes.subarray(start, start + size)));
    }
  }

  /** Does something when all that was pushed has arrived. */
  afterwards(action: () => void): void {
    this.#add(this.#items.length === 0 ? this.#conditions.latency : 0, 0, action);
  }

  #add(delay: number, gap: number, deliver: () => void): void {
    const now = performance.now();
    const due = Math.max(now + delay, this.#lastDue + gap);
    this.#lastDue = due;
    if (due <= now && this.#items.length === 0) return deliver();
    this.#items.push({ due, deliver });
    this.#arm();
  }

  #arm(): void {
    const [first] = this.#items;
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(() => this.#flush(), Math.max(1, first.due - performance.now()));
  }

  #flush(): void {
    this.#timer = undefined;
    const now = performance.now();
    while (this.#items[0] !== undefined && this.#items[0].due <= now) this.#items.shift()?.deliver();
    this.#arm();
  }
}
