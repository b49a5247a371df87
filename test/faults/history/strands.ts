/** Groups of names that mean the same, joined two by two. */
export class Strands {
  readonly #parents = new Map<string, string>();

  /** The name of a group; a name that was never joined is a group of its own. */
  of(name: string): string {
    let root = name;
    for (let parent = this.#parents.get(root); parent !== undefined; parent = this.#parents.get(root))
      root = parent;
    // Later searches take one step.
    for (let at = name; at !== root;) {
      const parent = this.#parents.get(at) ?? root;
      this.#parents.set(at, root);
      at = parent;
    }
    return root;
  }

  join(left: string, right: string): void {
    const [one, other] = [this.of(left), this.of(right)];
    if (one !== other) this.#parents.set(one, other);
  }
}
