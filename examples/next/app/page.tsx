import { getSession } from "../lib/sessions.ts";
import { add, login } from "./actions.ts";
export default async function Page() {
  const session = await getSession();
  return (
    <main>
      <p id="cart">{JSON.stringify(session.data.cart ?? {})}</p>
      <p id="user">{session.userId ?? "nobody"}</p>
      <form action={add}>
        <input name="id" defaultValue="mug" />
        <button>add</button>
      </form>
      <form action={login}>
        <button>login</button>
      </form>
    </main>
  );
}
