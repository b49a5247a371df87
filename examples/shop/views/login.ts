import { loginMain, type LoginState } from "../../shared/views/parts.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

export function loginPage(visitor: Visitor, state?: LoginState): string {
  return layout({ title: "Log in", path: "/login", visitor, main: loginMain(visitor.cartCount, state) });
}
