import type { Metadata } from "next";
import type { ReactNode } from "react";
import "../../shared/public/style.css";

export const metadata: Metadata = {
  title: "Sojourn shop",
  description: "A small pretend shop that keeps its carts and logins in Sojourn sessions.",
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
