/** A page as a visitor without JavaScript sees it. */
export class ShopPage {
  readonly response: Response;
  readonly html: string;

  constructor(response: Response, html: string) {
    this.response = response;
    // React separates neighbouring texts by comments.
    this.html = html.replaceAll(/<!--[\s\S]*?-->/g, "");
  }

  get status(): number {
    return this.response.status;
  }

  /** Path after all redirects. */
  get path(): string {
    return new URL(this.response.url).pathname;
  }

  /** Text in the element with this id, which holds no other elements; `undefined` without the element. */
  textOf(id: string): string | undefined {
    return new RegExp(`\\sid="${id}"[^>]*>([^<]*)<`).exec(this.html)?.[1]?.trim();
  }

  /** Number of the elements with this class. */
  count(className: string): number {
    return [...this.html.matchAll(/\sclass="([^"]*)"/g)].filter(([, names = ""]) =>
      names.split(" ").includes(className),
    ).length;
  }

  /** Path of the file with this relation to the page, such as `stylesheet`. */
  linkTo(rel: string): string {
    const tag = [...this.html.matchAll(/<link\b([^>]*)>/g)].find(
      ([, link = ""]) => attributeOf(link, "rel") === rel,
    );
    const href = attributeOf(tag?.[1] ?? "", "href");
    if (href === undefined) throw new Error(`There is no ${rel} on ${this.path}.`);
    return href;
  }

  /** The form of the button with this id, as a browser would send it. */
  formOf(button: string): Form {
    const form = [...this.html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].find(([, , content = ""]) =>
      content.includes(`id="${button}"`),
    );
    if (form === undefined) throw new Error(`There is no form with a button "${button}" on ${this.path}.`);
    const [, attributes = "", content = ""] = form;
    const fields = [...content.matchAll(/<(?:input|button)\b([^>]*)>/g)]
      .map(([, field = ""]) => field)
      .filter((field) => attributeOf(field, "type") === "hidden" || attributeOf(field, "id") === button);
    return {
      action: new URL(attributeOf(attributes, "action") ?? "", this.response.url).href,
      isMultipart: attributeOf(attributes, "enctype") === "multipart/form-data",
      fields: fields.flatMap((input) => {
        const name = attributeOf(input, "name");
        return name === undefined ? [] : [[name, attributeOf(input, "value") ?? ""] as const];
      }),
    };
  }
}

export interface Form {
  readonly action: string;
  readonly isMultipart: boolean;
  /** Names and values of the hidden fields and of the button. */
  readonly fields: readonly (readonly [string, string])[];
}

function attributeOf(attributes: string, name: string): string | undefined {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`, "i").exec(attributes)?.[1];
  return value?.replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}

/** Headers that a page of this shop, or of another site, adds to a request. */
type Headers = Readonly<Record<string, string>>;

const OTHER_SITE: Headers = { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" };
const MAX_REDIRECTS = 5;

/** A browser without JavaScript, with its cookies. */
export class ShopBrowser {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();
  readonly #userAgent: string;

  constructor(
    url: string,
    userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  ) {
    this.#url = url;
    this.#userAgent = userAgent;
  }

  /** Value of the session's cookie. */
  get key(): string | undefined {
    return this.#cookies.get("sessionid");
  }

  set key(value: string) {
    this.#cookies.set("sessionid", value);
  }

  async open(path: string): Promise<ShopPage> {
    return this.#send(new URL(path, this.#url).href, { method: "GET" });
  }

  /** Presses a button of a page, after filling in fields, and follows the redirect. */
  async press(page: ShopPage, button: string, filled: Headers = {}): Promise<ShopPage> {
    return this.#submit(page.formOf(button), filled, { Origin: this.#url, "Sec-Fetch-Site": "same-origin" });
  }

  /** Sends the same form as another site would: with the cookies, as under `SameSite=None`. */
  async pressElsewhere(page: ShopPage, button: string, filled: Headers = {}): Promise<ShopPage> {
    return this.#submit(page.formOf(button), filled, OTHER_SITE);
  }

  async logIn(login: string, password: string): Promise<ShopPage> {
    return this.press(await this.open("/login"), "log-in", { login, password });
  }

  async #submit({ action, isMultipart, fields }: Form, filled: Headers, headers: Headers): Promise<ShopPage> {
    const all = { ...Object.fromEntries(fields), ...filled };
    const body = isMultipart ? new FormData() : new URLSearchParams();
    for (const [name, value] of Object.entries(all)) body.append(name, value);
    return this.#send(action, { method: "POST", body, headers });
  }

  async #send(
    url: string,
    init: Omit<RequestInit, "headers"> & { readonly headers?: Headers },
    redirects = 0,
  ): Promise<ShopPage> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = {
      ...init.headers,
      Accept: "text/html,application/xhtml+xml,*/*;q=0.8",
      "User-Agent": this.#userAgent,
      ...(cookie !== "" && { Cookie: cookie }),
    };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    this.#keep(response.headers.getSetCookie());
    const location = response.headers.get("location");
    if (location === null || response.status < 300 || response.status > 399)
      return new ShopPage(response, await response.text());
    await response.arrayBuffer();
    if (redirects === MAX_REDIRECTS)
      throw new Error(`More than ${MAX_REDIRECTS} redirects, at last to ${location}.`);
    return this.#send(new URL(location, url).href, { method: "GET" }, redirects + 1);
  }

  #keep(setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/;\s*max-age=0\b/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}
