"use server";

import { refresh } from "next/cache";
import { forbidden, redirect } from "next/navigation";
import { changeCart } from "../shared/cart.ts";
import { readChange, readCredentials } from "../shared/forms.ts";
import { authenticate } from "../shared/users.ts";
import type { LoginState } from "../shared/views/parts.ts";
import { sessionAction, sessions } from "./sessions.ts";

export const changeQuantity = sessionAction(async (session, form: FormData) => {
  const { product, by } = readChange(Object.fromEntries(form));
  await session.update((data) => changeCart(data, product, by));
  refresh(); // the cookie stays the same, so Next renders the page only when asked
});

export const logIn = sessionAction(
  async (session, _previous: LoginState, form: FormData): Promise<LoginState> => {
    const { login, password } = readCredentials(Object.fromEntries(form));
    const user = await authenticate(login, password);
    if (user === undefined) return { failedLogin: login };
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    redirect("/account");
  },
);

export const logOut = sessionAction(async (session) => {
  await session.logout();
  redirect("/");
});

export const logOutEverywhere = sessionAction(async (session) => {
  const userId = session.userId ?? forbidden();
  await sessions.revokeUser(userId);
  await session.logout(); // this one has ended too; this clears its cookie
  redirect("/");
});
