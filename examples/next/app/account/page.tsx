import { redirect } from "next/navigation";
import type { UserSession } from "sojourn";
import { findUser } from "../../../shop/users.ts";
import { logOut, logOutDevice, logOutEverywhere } from "../../actions.ts";
import { getSession, sessions } from "../../sessions.ts";

export default async function AccountPage() {
  const session = await getSession();
  const { userId, ref } = session;
  if (userId === undefined) redirect("/login");
  const { sessions: devices } = await sessions.pageOfUser(userId);
  return (
    <>
      <h1>{findUser(userId)?.name}</h1>
      <form className="actions" action={logOut}>
        <button className="button" id="logout">
          Log out
        </button>
      </form>
      <section className="panel" aria-labelledby="devices-title">
        <h2 id="devices-title">My devices</h2>
        <p>Every browser in which you are logged in. A logout here takes effect at once.</p>
        <ul className="devices" id="devices">
          {devices.map((device) => (
            <Device key={device.ref} device={device} isCurrent={device.ref === ref} />
          ))}
        </ul>
        <form className="actions" action={logOutEverywhere}>
          <button className="button quiet" id="end-all">
            Log out everywhere
          </button>
        </form>
      </section>
    </>
  );
}

function Device({ device, isCurrent }: { device: UserSession; isCurrent: boolean }) {
  return (
    <li className="device">
      <h3>
        {device.device ?? "Unknown device"} {isCurrent && <span className="badge">this one</span>}
      </h3>
      <p className="line">last seen {device.lastSeenAt.toISOString()}</p>
      {!isCurrent && (
        <form action={logOutDevice.bind(null, device.ref)}>
          <button className="link">Log out this one</button>
        </form>
      )}
    </li>
  );
}
