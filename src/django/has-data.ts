/** A session; or, within `session.update((data) => …)`, `{ data }`. */
export interface HasData {
  readonly data: object;
}
