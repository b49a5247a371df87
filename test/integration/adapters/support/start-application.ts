import type { AdapterTestApplication, StartedAdapterApplication } from "sojourn/testing";

/** Starts an application, as its framework's users would write it, on a free port. */
export type StartApplication = (application: AdapterTestApplication) => Promise<StartedAdapterApplication>;
