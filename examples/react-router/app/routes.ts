import { index, route } from "@react-router/dev/routes";

export default [
  index("routes/products.tsx"),
  route("cart", "routes/cart.tsx"),
  route("login", "routes/login.tsx"),
  route("account", "routes/account.tsx"),
  route("logout", "routes/logout.ts"),
  route("logout-everywhere", "routes/logout-everywhere.ts"),
  route("about", "routes/about.tsx"),
];
