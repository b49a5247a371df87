"use client";

import { messageMain } from "../../shared/views/parts.ts";

/** Next shows it for the error of a page or an action, without details. */
export default function ErrorPage() {
  const main = messageMain({
    title: "We could not do that just now",
    text: "Something is wrong on our side. Please wait a moment, look at your cart, and try again.",
  });
  return <main dangerouslySetInnerHTML={{ __html: main.toString() }} />;
}
