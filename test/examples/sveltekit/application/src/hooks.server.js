import { error, redirect } from "@sveltejs/kit";

/** The hooks and routes of a test. */
const { sojournTest } = globalThis;

export const handle = (input) => sojournTest.handle(input, { error, redirect });
export const handleError = (input) => sojournTest.handleError(input);
