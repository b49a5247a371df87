"use server";
import { redirect } from "next/navigation";
import { sessionAction } from "../lib/sessions.ts";
export const add = sessionAction(async (session, form: FormData) => {
  const id = String(form.get("id"));
  (session.data.cart ??= {})[id] = (session.data.cart[id] ?? 0) + 1;
});
export const login = sessionAction(async (session) => {
  await session.login(7);
  redirect("/?in");
});
