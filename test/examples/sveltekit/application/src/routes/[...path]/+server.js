import { error, redirect } from "@sveltejs/kit";

/** The hooks and routes of a test. */
const { sojournTest } = globalThis;

export const GET = (event) => sojournTest.route(event, { error, redirect });
export const POST = GET;
