import { type User, users } from "../users.ts";
import { html, type Html } from "./html.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

export interface LoginState {
  /** The name with which a login has just failed. */
  readonly failedLogin?: string;
}

export function loginPage(visitor: Visitor, { failedLogin }: LoginState = {}): string {
  const hasFailed = failedLogin !== undefined;
  const [demo] = users;
  const main = html`<h1>Log in</h1>
    <p class="lede">
      ${visitor.cartCount > 0 ? "Your cart stays as it is." : "A name and a password are filled in for you."}
    </p>
    <div class="columns">
      <div>
        ${hasFailed && html`<p class="alert" id="login-error" role="alert">${failure}</p>`}
        <form class="fields" method="post" action="/login" data-once>
          ${nameField(hasFailed ? failedLogin : demo?.login, hasFailed)}
          ${passwordField(hasFailed ? "" : demo?.demoPassword, hasFailed)}
          <button class="button">Log in</button>
        </form>
      </div>
      <aside class="panel" aria-labelledby="people">
        <h2 id="people">Users</h2>
        <table class="people">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Password</th>
            </tr>
          </thead>
          <tbody>
            ${users.map(person)}
          </tbody>
        </table>
      </aside>
    </div>`;
  return layout({ title: "Log in", path: "/login", visitor, main });
}

const failure = "This name and this password do not match.";

function nameField(value: string | undefined, isWrong: boolean): Html {
  return html`<label for="login">Name</label>
    <input
      id="login"
      name="login"
      autocomplete="username"
      autocapitalize="none"
      spellcheck="false"
      required
      maxlength="100"
      value="${value}"
      ${isWrong && wrong}
    />`;
}

function passwordField(value: string | undefined, isWrong: boolean): Html {
  return html`<label for="password">Password</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="current-password"
      required
      maxlength="200"
      value="${value}"
      ${isWrong && html`${wrong} autofocus`}
    />`;
}

const wrong = html`aria-invalid="true" aria-describedby="login-error"`;

function person({ login, demoPassword }: User): Html {
  return html`<tr>
    <td>${login}</td>
    <td>${demoPassword}</td>
  </tr>`;
}
