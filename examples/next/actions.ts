"use server";

import { refresh } from "next/cache";
import { forbidden, notFound, redirect } from "next/navigation";
import type { Session } from "sojourn";
import { changeCart } from "../shop/cart.ts";
import { findProduct } from "../shop/products.ts";
import { authenticate } from "../shop/users.ts";
import { sessionAction, sessions, type ShopData } from "./sessions.ts";

export interface LoginState {
  /** The name with which a login has just failed. */
  readonly failedLogin?: string;
}

export const logIn = sessionAction(
  async (session, _previous: LoginState, form: FormData): Promise<LoginState> => {
    const login = textOf(form, "login");
    const user = await authenticate(login, textOf(form, "password"));
    if (user === undefined) return { failedLogin: login };
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    redirect("/account");
  },
);

export const logOut = sessionAction(async (session) => {
  await session.logout();
  redirect("/");
});

export const changeQuantity = sessionAction(async (session, id: string, by: number) => {
  const product = findProduct(id) ?? notFound();
  await session.update((data) => changeCart(data, product, by));
  refresh(); // the cookie stays the same, so Next renders the page only when asked
});

export const logOutDevice = sessionAction(async (session, ref: string) => {
  await sessions.revoke(userOf(session), ref); // finds this user's sessions only
  refresh();
});

export const logOutEverywhere = sessionAction(async (session) => {
  await sessions.revokeUser(userOf(session));
  await session.logout(); // this one has ended too; this clears its cookie
  redirect("/");
});

function userOf(session: Session<ShopData>): string {
  return session.userId ?? forbidden();
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
