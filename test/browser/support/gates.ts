/** Points in handlers at which a test holds them until it lets them go on. */
export class Gates {
  readonly #arrivals = new Map<string, Deferred>();
  readonly #openings = new Map<string, Deferred>();

  /** For a handler: waits until the gate is opened. */
  async pass(name: string): Promise<void> {
    this.#of(this.#arrivals, name).resolve();
    await this.#of(this.#openings, name).promise;
  }

  /** For a test: resolves when a handler waits at the gate. */
  reached(name: string): Promise<void> {
    return this.#of(this.#arrivals, name).promise;
  }

  /** For a test: lets the handler go on. */
  open(name: string): void {
    this.#of(this.#openings, name).resolve();
  }

  openAll(): void {
    for (const { resolve } of this.#openings.values()) resolve();
  }

  #of(map: Map<string, Deferred>, name: string): Deferred {
    const known = map.get(name) ?? new Deferred();
    map.set(name, known);
    return known;
  }
}

class Deferred {
  resolve: () => void = () => {};
  readonly promise = new Promise<void>((resolve) => (this.resolve = resolve));
}
