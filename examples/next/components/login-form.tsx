"use client";

import { useActionState } from "react";
import { logIn } from "../actions.ts";

interface LoginFormProps {
  readonly login: string;
  readonly password: string;
}

export function LoginForm({ login, password }: LoginFormProps) {
  const [{ failedLogin }, action, isPending] = useActionState(logIn, {});
  const hasFailed = failedLogin !== undefined;
  return (
    <>
      {hasFailed && (
        <p className="alert" id="login-error" role="alert">
          This name and this password do not match.
        </p>
      )}
      <form className="fields" action={action}>
        <label htmlFor="login">Name</label>
        <input id="login" name="login" autoComplete="username" required defaultValue={failedLogin ?? login} />
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          defaultValue={hasFailed ? "" : password}
        />
        <button className="button" id="log-in" disabled={isPending}>
          Log in
        </button>
      </form>
    </>
  );
}
