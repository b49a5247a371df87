/** Pickle of a `float` in protocols 4 and 5: PROTO, FRAME of 10 bytes, BINFLOAT, 8 bytes, STOP. */
const START = Buffer.from("8005950a0000000000000047", "hex");
const STOP = 0x2e;
const LENGTH = START.length + 9;
const VERSION_AT = 1;

/** Writes a `float` as CPython's protocol 5 does. */
export function pickleFloat(value: number): Buffer {
  const pickle = Buffer.alloc(LENGTH);
  START.copy(pickle);
  pickle.writeDoubleBE(value, START.length);
  pickle[LENGTH - 1] = STOP;
  return pickle;
}

/** Recognizes the pickle of one `float` by its fixed form; `undefined` for any other bytes. */
export function unpickleFloat(pickle: Buffer): number | undefined {
  const version = pickle[VERSION_AT];
  if (pickle.length !== LENGTH || pickle[LENGTH - 1] !== STOP || (version !== 4 && version !== 5))
    return undefined;
  if (pickle[0] !== START[0] || !pickle.subarray(2, START.length).equals(START.subarray(2))) return undefined;
  return pickle.readDoubleBE(START.length);
}
