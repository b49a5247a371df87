import { users } from "../../../../shared/users.ts";
import { LoginForm } from "../../../components/login-form.tsx";

export default function LoginPage() {
  const [demo] = users;
  return (
    <>
      <h1>Log in</h1>
      <p className="lede">Your cart stays as it is. A name and a password are filled in for you.</p>
      <LoginForm login={demo?.login ?? ""} password={demo?.demoPassword ?? ""} />
    </>
  );
}
