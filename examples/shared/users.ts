import { isPassword } from "./passwords.ts";

export interface User {
  readonly id: string;
  readonly login: string;
  readonly name: string;
  readonly passwordHash: string;
  /** A real shop does not store it. This one shows it on the login page for trying out. */
  readonly demoPassword: string;
}

export const users: readonly User[] = [
  {
    id: "1",
    login: "mira",
    name: "Mira Okafor",
    passwordHash: "knSlTYaQHnaXcM9g3SMPRg$Zd8IWJsDu4Vxmn6gPQm_lt2Mga9Gv0VpqxuBjeOYvSU",
    demoPassword: "harbour light",
  },
  {
    id: "2",
    login: "jonas",
    name: "Jonas Lindqvist",
    passwordHash: "WwHwGwALLKA5n0H1m7My6g$p1A2FrBxjQLvAbkzUDCPD2mHvrmRa0HCA5q54CL02eU",
    demoPassword: "wool and rain",
  },
  {
    id: "3",
    login: "ines",
    name: "Ines Carvalho",
    passwordHash: "cftbhGtVQIFxiL7n44A0Kg$lb3xFwyAVVVYrGj-JEZOrDAMdopVevaddqBLpAyODTk",
    demoPassword: "last train home",
  },
];

// Hash of an unused password: an unknown name takes as long as a wrong password, so timing reveals
// neither.
const DECOY_HASH = "Jcve-hrm6fOODqCqLxiOyA$jfuZgIWh6kTsH8vGRwr7siV_zgNT-U6lXdimIeX9CdQ";

/** Finds the user with this name and password. */
export async function authenticate(login: string, password: string): Promise<User | undefined> {
  const user = users.find((each) => each.login === login.trim().toLowerCase());
  const isRight = await isPassword(password, user?.passwordHash ?? DECOY_HASH);
  return isRight ? user : undefined;
}

export function findUser(id: string | undefined): User | undefined {
  return users.find((user) => user.id === id);
}
