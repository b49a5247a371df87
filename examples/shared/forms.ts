import { findProduct, type Product } from "./products.ts";

/** Fields of a form, by name. */
export type Fields = Readonly<Record<string, unknown>>;

/** An error that the request is to blame for. */
export class BadForm extends Error {
  readonly statusCode = 400;
}

const MAX_BYTES = 2048;

/** Reads the body of a form (`application/x-www-form-urlencoded`). */
export async function readForm(body: AsyncIterable<Buffer>): Promise<Fields> {
  let text = "";
  for await (const chunk of body) {
    text += chunk.toString("latin1"); // browsers escape all else
    if (text.length > MAX_BYTES) throw new BadForm("The form is too large.");
  }
  return parseForm(text);
}

export function parseForm(text: string): Fields {
  return Object.fromEntries(new URLSearchParams(text));
}

/** Reads `product` and `by` of a form of the cart. */
export function readChange({ product: id, by }: Fields): { product: Product; by: 1 | -1 } {
  const product = findProduct(id);
  if (product === undefined) throw new BadForm("There is no such product.");
  return { product, by: by === "-1" ? -1 : 1 };
}

/** Reads `login` and `password` of the form of the login. */
export function readCredentials({ login, password }: Fields): { login: string; password: string } {
  return {
    login: typeof login === "string" ? login : "",
    password: typeof password === "string" ? password : "",
  };
}
