import { redirect } from "next/navigation";
import type { UserSession } from "sojourn";
import { findUser } from "../../../../shared/users.ts";
import { logOut, logOutEverywhere } from "../../../actions.ts";
import { getSession, sessions } from "../../../sessions.ts";

export default async function AccountPage() {
  const { userId, ref } = await getSession();
  if (userId === undefined) redirect("/login");
  const { sessions: devices } = await sessions.pageOfUser(userId);
  return (
    <>
      <h1 id="user">{findUser(userId)?.name}</h1>
      <section className="panel" aria-labelledby="devices-title">
        <h2 id="devices-title">My devices</h2>
        <ul className="devices">
          {devices.map((device) => (
            <Device key={device.ref} device={device} isCurrent={device.ref === ref} />
          ))}
        </ul>
      </section>
      <div className="actions">
        <form action={logOut}>
          <button className="button" id="log-out">
            Log out
          </button>
        </form>
        <form action={logOutEverywhere}>
          <button className="button quiet" id="log-out-everywhere">
            Log out everywhere
          </button>
        </form>
      </div>
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
    </li>
  );
}
