import { fail, redirect } from "@sveltejs/kit";

/** The hooks and routes of a test. */
const { sojournTest } = globalThis;

export const load = (event) => sojournTest.load(event, { redirect });
export const actions = { default: (event) => sojournTest.action(event, { fail, redirect }) };
