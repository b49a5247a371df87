/** Tests of the contract of cache stores that walk through keys. */
export const MEMCACHED_SCANS: readonly string[] = [
  "neither scan nor clear includes locks",
  "scan yields every key with the prefix once, and no other",
  "scan takes the prefix literally, whatever characters it has",
  "scan makes a deadline for each page",
  "scan during concurrent writes yields every key that stays, and none twice",
  "clear deletes exactly {prefix}:{integer}:{anything}, and counts it",
  "clear takes the prefix literally: `a*` deletes nothing of `abc`",
  "clear deletes 2500 entries among as many others",
  "scan yields no lease, whether on existing or on missing entries",
  "clear ends the leases on its keys and on its missing ones, counts none, and ends no other",
];
