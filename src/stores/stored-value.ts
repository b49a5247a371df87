/** Value of an entry: text, or bytes if the cache compresses. */
export type StoredValue = string | Uint8Array;
