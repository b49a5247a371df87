import { cacheLife, cacheTag } from "next/cache";
import { connection } from "next/server";
import { Suspense } from "react";
import { noteCall, slowly } from "../../../calls.mjs";

async function Product({ name }) {
  "use cache";
  cacheTag(`product-${name}`);
  cacheLife("hours");
  noteCall(`page ${name}`);
  await slowly();
  return <output>{`${name}: ${Math.random()}`}</output>;
}

async function Dynamic({ params }) {
  await connection();
  const { name } = await params;
  return <Product name={name} />;
}

export default function Page({ params }) {
  return (
    <Suspense fallback="wait">
      <Dynamic params={params} />
    </Suspense>
  );
}
