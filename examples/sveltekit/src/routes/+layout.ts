/** The shop needs no JavaScript in the browser. */
export const csr = false;
