"use client";

import { useRouter } from "next/navigation";
import { type SubmitEvent, useTransition } from "react";
import { changeQuantity } from "../actions.ts";
import { ChangeFields } from "./change-fields.tsx";

interface AddToCartProps {
  readonly id: string;
  readonly name: string;
  readonly quantity: number;
}

/** Adds a product by the route handler, and renders the page again; without JavaScript by the action. */
export function AddToCart({ id, name, quantity }: AddToCartProps) {
  const router = useRouter();
  const [isPending, startTransition] = useTransition();
  const add = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const body = new FormData(event.currentTarget);
    startTransition(async () => {
      await fetch("/api/cart", { method: "POST", body });
      router.refresh();
    });
  };
  return (
    <form action={changeQuantity} onSubmit={add}>
      <ChangeFields id={id} by={1} />
      <button className="button quiet" id={`add-${id}`} disabled={isPending}>
        <span className="unseen">{name}: </span>Add to cart
      </button>
      <p className="in-cart" id={`count-${id}`}>
        {quantity > 0 && `${quantity} in cart`}
      </p>
    </form>
  );
}
