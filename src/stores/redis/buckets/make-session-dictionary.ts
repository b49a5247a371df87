import { ImproperlyConfigured } from "../../../core/errors.ts";
import { DICTIONARY_BYTES } from "./bucket-dictionaries.ts";
import { splitRecord } from "./bucket-values.ts";

/** Options of {@link makeSessionDictionary}. */
export interface MakeSessionDictionaryOptions {
  /**
   * Maximum size of the dictionary, in bytes, from 1 to 32768.
   *
   * @defaultValue `32768`, all that deflate can use
   */
  readonly maxBytes?: number | undefined;
  /**
   * Minimum number of records that share each part of the dictionary, at least 2. Parts of fewer
   * records, such as one user's data, are left out.
   *
   * @defaultValue one in a hundred, but at least 3
   */
  readonly minRecords?: number | undefined;
}

/**
 * Minimum length of a shared part, in bytes: with less, one user's data would pass piece by piece.
 */
const SHARED_BYTES = 6;

/**
 * Length of the pieces by which parts are rated, in bytes. Of 6 to 48, 12 made made-up records
 * smallest at each size of dictionary.
 */
const FOUND_BYTES = 12;

/** Maximum size of the examined records, in bytes. Counting them takes some seconds. */
const MAX_SAMPLED_BYTES = 1024 * 1024;

/** A record reduced to its shared parts. */
interface Candidate {
  readonly text: string;
  /** Pieces of it by which it is rated. */
  readonly grams: readonly string[];
  /** Bytes saved per byte; decreases as others are chosen. */
  readonly worth: number;
}

/**
 * Makes a dictionary for `redisBucketSessionStore({ dictionaries })` from records: the parts that
 * many records share, the most frequent last, where deflate reaches them with the fewest bits. Any
 * {@link SHARED_BYTES} consecutive bytes occur in `minRecords` of the records.
 *
 * Some thousand records of the format `json` are enough; of more than 1 MiB, only the first are
 * examined. Records of another form are skipped.
 *
 * @throws {ImproperlyConfigured} For a wrong option, or if the records have too little in common.
 */
export function makeSessionDictionary(
  records: Iterable<string>,
  options: MakeSessionDictionaryOptions = {},
): Buffer {
  const maxBytes = wholeNumber("maxBytes", options.maxBytes, 1, DICTIONARY_BYTES) ?? DICTIONARY_BYTES;
  const minRecords = wholeNumber("minRecords", options.minRecords, 2, Number.MAX_SAFE_INTEGER);
  const bodies = bodiesOf(records);
  const candidates = sharedPartsOf(bodies, minRecords ?? Math.max(3, Math.ceil(bodies.length / 100)));
  const dictionary = choose(candidates, maxBytes);
  if (dictionary.length > 0) return dictionary;
  throw new ImproperlyConfigured(
    "makeSessionDictionary.records",
    `expected records of the format "json" that have something in common, but too few of ${bodies.length} such records ` +
      "share anything. Give some thousands, as the store keeps them.",
  );
}

function wholeNumber(
  name: string,
  value: number | undefined,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new ImproperlyConfigured(
    `makeSessionDictionary.${name}`,
    `expected a whole number ${range}, got ${value}.`,
  );
}

/** Returns the compressed parts of the records; a character stands for a byte. */
function bodiesOf(records: Iterable<string>): string[] {
  const bodies: string[] = [];
  let bytes = 0;
  for (const record of records) {
    const parts = splitRecord(record);
    if (parts === undefined) continue;
    const body = Buffer.from(parts.body).toString("latin1");
    bytes += body.length;
    if (bytes > MAX_SAMPLED_BYTES) break;
    bodies.push(body);
  }
  return bodies;
}

/** Returns the bodies without the parts that fewer than `minRecords` of them have. */
function sharedPartsOf(bodies: readonly string[], minRecords: number): readonly (readonly string[])[] {
  const counts = countIn(bodies.map((body) => new Set(gramsOf(body, SHARED_BYTES))));
  const isShared = (gram: string): boolean => (counts.get(gram) ?? 0) >= minRecords;
  return bodies.map((body) => [...piecesOf(body, isShared)]);
}

/** Yields the longest pieces of a text in which all grams are shared. */
function* piecesOf(text: string, isShared: (gram: string) => boolean): Generator<string, void, undefined> {
  let start = 0;
  // One step more than there are grams ends the last piece.
  for (let at = 0; at <= text.length - SHARED_BYTES + 1; at++) {
    const gram = text.slice(at, at + SHARED_BYTES);
    if (gram.length === SHARED_BYTES && isShared(gram)) continue;
    if (at > start) yield text.slice(start, at + SHARED_BYTES - 1);
    start = at + 1;
  }
}

/** Yields all parts of a text with this length; a shorter text is one. */
function* gramsOf(text: string, length: number): Generator<string, void, undefined> {
  if (text.length < length) yield text;
  for (let at = 0; at + length <= text.length; at++) yield text.slice(at, at + length);
}

/** Counts the sets that contain each text. */
function countIn(sets: Iterable<Iterable<string>>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const set of sets) for (const text of set) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** Takes the part that saves most per byte, again and again: a taken part saves nothing more. */
function choose(records: readonly (readonly string[])[], maxBytes: number): Buffer {
  const found = records.map((pieces) => [
    ...new Set(pieces.flatMap((piece) => [...gramsOf(piece, FOUND_BYTES)])),
  ]);
  const savings = countIn(found);
  const queue = records
    .map((pieces, at) => candidateOf(pieces.join(""), found[at] ?? [], savings))
    .toSorted((left, right) => left.worth - right.worth);
  const chosen: string[] = [];
  let room = maxBytes;
  for (let best = queue.pop(); best !== undefined; best = queue.pop()) {
    if (best.text.length > room || best.worth === 0) continue;
    const now = candidateOf(best.text, best.grams, savings);
    if (now.worth < best.worth) {
      putBack(queue, now);
      continue;
    }
    chosen.unshift(best.text);
    room -= best.text.length;
    for (const gram of best.grams) savings.delete(gram);
  }
  return Buffer.from(chosen.join(""), "latin1");
}

function candidateOf(
  text: string,
  grams: readonly string[],
  savings: ReadonlyMap<string, number>,
): Candidate {
  const sum = grams.reduce((before, gram) => before + (savings.get(gram) ?? 0), 0);
  return { text, grams, worth: sum / Math.max(1, text.length) };
}

/** Inserts into a queue with the best at its end. */
function putBack(queue: Candidate[], candidate: Candidate): void {
  const after = queue.findLastIndex(({ worth }) => worth <= candidate.worth);
  queue.splice(after + 1, 0, candidate);
}
