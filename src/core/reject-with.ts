/** `Promise.reject` for a caught error, which may be any value. */
export async function rejectWith(error: unknown): Promise<never> {
  throw error;
}
