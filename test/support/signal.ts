/** A promise that the test fulfils. */
export class Signal {
  give: () => void = () => {};
  readonly given = new Promise<void>((resolve) => (this.give = resolve));
}
