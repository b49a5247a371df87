/** A session; or, inside of `session.update((data) => …)`, `{ data }`. */
export interface HasData {
  readonly data: object;
}
