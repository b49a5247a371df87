import { data as respond, redirect } from "react-router";
import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { readCredentials } from "../../../shared/forms.ts";
import { authenticate, users } from "../../../shared/users.ts";
import { sessions, visitorOf } from "../sessions.server.ts";

export async function loader({ context }: ReactRouterArgs) {
  const people = users.map(({ login, demoPassword }) => ({ login, demoPassword }));
  return { title: "Log in", people, visitor: visitorOf(await sessions.from(context)) };
}

export async function action({ context, request }: ReactRouterArgs) {
  const { login, password } = readCredentials(Object.fromEntries(await request.formData()));
  const user = await authenticate(login, password);
  if (user === undefined) return respond({ failedLogin: login }, 422);
  const session = await sessions.from(context);
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  return redirect("/account", 303);
}

interface LoginProps {
  readonly loaderData: Awaited<ReturnType<typeof loader>>;
  readonly actionData?: { readonly failedLogin: string };
}

export default function Login({ loaderData: { people }, actionData }: LoginProps) {
  const [demo] = people;
  return (
    <>
      <h1>Log in</h1>
      <p className="lede">A name and a password are filled in for you.</p>
      <div className="columns">
        <div>
          {actionData && (
            <p className="alert" id="login-error" role="alert">
              This name and this password do not match.
            </p>
          )}
          <form className="fields" method="post" action="/login">
            <label htmlFor="login">Name</label>
            <input
              id="login"
              name="login"
              autoComplete="username"
              required
              maxLength={100}
              defaultValue={actionData?.failedLogin ?? demo.login}
            />
            <label htmlFor="password">Password</label>
            <input
              id="password"
              name="password"
              type="password"
              autoComplete="current-password"
              required
              maxLength={200}
              defaultValue={actionData ? "" : demo.demoPassword}
            />
            <button className="button" id="log-in">
              Log in
            </button>
          </form>
        </div>
        <Users people={people} />
      </div>
    </>
  );
}

function Users({ people }: Pick<LoginProps["loaderData"], "people">) {
  return (
    <aside className="panel" aria-labelledby="people">
      <h2 id="people">Users</h2>
      <table className="people">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Password</th>
          </tr>
        </thead>
        <tbody>
          {people.map(({ login, demoPassword }) => (
            <tr key={login}>
              <td>{login}</td>
              <td>{demoPassword}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </aside>
  );
}
