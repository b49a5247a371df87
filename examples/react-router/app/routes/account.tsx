import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { cartCount, countedThings } from "../../../shared/cart.ts";
import { devicesOf } from "../../../shared/devices.ts";
import { time } from "../../../shared/views/time.ts";
import { Markup } from "../markup.tsx";
import { sessions, visitorOf } from "../sessions.server.ts";

export async function loader({ context }: ReactRouterArgs) {
  const session = await sessions.from(context);
  const devices = (await devicesOf(session, sessions)).map(({ ref, device, lastSeenAt, isCurrent }) => ({
    ref,
    label: device ?? "Unknown device",
    lastSeen: String(time(lastSeenAt)),
    isCurrent,
  }));
  const things = countedThings(cartCount(session.data));
  return { title: "Who am I", devices, things, visitor: visitorOf(session) };
}

export default function Account({ loaderData }: { loaderData: Awaited<ReturnType<typeof loader>> }) {
  const { devices, things, visitor } = loaderData;
  if (visitor.user === undefined) {
    return (
      <>
        <h1>A stranger so far</h1>
        <p className="lede">You are not logged in.</p>
        <p className="actions">
          <a className="button" href="/login">
            Log in
          </a>
        </p>
      </>
    );
  }
  return (
    <>
      <h1 id="user">{visitor.user}</h1>
      <p className="lede">{`In the cart: ${things}`}</p>
      <section className="panel" aria-labelledby="devices-title">
        <h2 id="devices-title">My devices</h2>
        <ul className="devices">
          {devices.map(({ ref, label, lastSeen, isCurrent }) => (
            <li className="device" key={ref}>
              <h3>
                {label} {isCurrent && <span className="badge">this one</span>}
              </h3>
              <p className="line">
                last seen <Markup html={lastSeen} />
              </p>
            </li>
          ))}
        </ul>
      </section>
      <div className="actions">
        <form method="post" action="/logout">
          <button className="button" id="log-out">
            Log out
          </button>
        </form>
        <form method="post" action="/logout-everywhere">
          <button className="button quiet" id="log-out-everywhere">
            Log out everywhere
          </button>
        </form>
      </div>
    </>
  );
}
