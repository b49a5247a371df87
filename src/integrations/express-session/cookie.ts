import { type SerializeOptions, stringifySetCookie } from "cookie";
import type { Milliseconds } from "../../core/clock.ts";

/** Attributes of the session's cookie. */
export interface CookieOptions {
  /** @defaultValue `"/"` */
  path?: string | undefined;
  domain?: string | undefined;
  expires?: Date | null | undefined;
  /** Lifetime of cookie and session. @defaultValue `null`: until the browser is closed */
  maxAge?: Milliseconds | null | undefined;
  originalMaxAge?: Milliseconds | null | undefined;
  /** @defaultValue `true` */
  httpOnly?: boolean | undefined;
  /** `"auto"`: as the connection is. @defaultValue `false` */
  secure?: boolean | "auto" | undefined;
  /** `"auto"`: `none` over TLS, else `lax`. */
  sameSite?: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  priority?: "low" | "medium" | "high" | undefined;
  partitioned?: boolean | undefined;
}

/** Members of a record's cookie, in the order in which express-session writes them. */
export interface CookieData {
  originalMaxAge: number | null | undefined;
  partitioned: boolean | undefined;
  priority: "low" | "medium" | "high" | undefined;
  expires: Date | null | undefined;
  secure: boolean | "auto" | undefined;
  httpOnly: boolean | undefined;
  domain: string | undefined;
  path: string | undefined;
  sameSite: CookieOptions["sameSite"];
}

/** The cookie of a session, as `req.session.cookie`. */
export class Cookie {
  path: string | undefined = "/";
  domain?: string | undefined;
  httpOnly: boolean | undefined = true;
  secure?: boolean | "auto" | undefined;
  sameSite?: CookieOptions["sameSite"];
  priority?: "low" | "medium" | "high" | undefined;
  partitioned?: boolean | undefined;
  /** Lifetime to which `touch()` sets the cookie back, in milliseconds; `null`: none. */
  originalMaxAge: number | null | undefined;
  #expires: Date | null | undefined = null;

  constructor(options?: CookieOptions | null) {
    if (options !== undefined && options !== null && typeof options !== "object")
      throw new TypeError("argument options must be a object");
    for (const [name, value] of Object.entries<unknown>({ ...options }))
      if (name !== "data") Object.assign(this, { [name]: value });
    this.originalMaxAge ??= this.maxAge;
  }

  get expires(): Date | null | undefined {
    return this.#expires;
  }

  /** Sets the end of the cookie, and with it {@link originalMaxAge}. */
  set expires(date: Date | null | undefined) {
    this.#expires = date;
    this.originalMaxAge = this.maxAge;
  }

  /** Time until the end of the cookie, in milliseconds. */
  get maxAge(): number | null | undefined {
    return this.#expires instanceof Date ? this.#expires.valueOf() - Date.now() : this.#expires;
  }

  set maxAge(age: number | Date | null | undefined) {
    const isAge = !age || typeof age === "number" || age instanceof Date;
    if (!isAge) throw new TypeError("maxAge must be a number or Date");
    this.expires = typeof age === "number" ? new Date(Date.now() + age) : age;
  }

  get data(): CookieData {
    const { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite } = this;
    return { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite };
  }

  /** Returns the value of `Set-Cookie`. */
  serialize(name: string, value: string): string {
    const { priority, partitioned, expires, secure, httpOnly, domain, path, sameSite } = this;
    const attributes = {
      priority,
      partitioned,
      expires: expires ?? undefined,
      secure: secure === "auto" ? undefined : secure,
      httpOnly,
      domain,
      path,
      sameSite: sameSite === "auto" ? undefined : sameSite,
    };
    return stringifySetCookie(name, value, attributes as SerializeOptions);
  }

  toJSON(): CookieData {
    return this.data;
  }
}
