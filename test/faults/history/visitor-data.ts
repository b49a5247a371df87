import type { Sight } from "./history.ts";

/** The data that the lanes share in a session, besides a part `own:{lane}` each. */
export interface VisitorData {
  [own: `own:${string}`]: string;
  lineage?: string;
  log?: Record<string, 1>;
  n?: number;
  ids?: Record<string, 1>;
  /** Django's name; the library sets it. */
  _auth_user_id?: string;
}

export function sightOf(data: VisitorData): Sight {
  const { _auth_user_id: user } = data;
  const own = Object.entries(data).filter(([name]) => name.startsWith("own:")) as [string, string][];
  return {
    lineage: data.lineage,
    own: Object.fromEntries(own.map(([name, id]) => [name.slice("own:".length), id])),
    log: Object.keys(data.log ?? {}),
    ids: Object.keys(data.ids ?? {}),
    n: data.n ?? 0,
    user,
  };
}
