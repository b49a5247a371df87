"use client";

import { useRouter } from "next/navigation";
import { useTransition } from "react";

interface AddToCartProps {
  readonly id: string;
  readonly name: string;
  readonly quantity: number;
}

/** Adds a product by a route handler, and renders the page again. */
export function AddToCart({ id, name, quantity }: AddToCartProps) {
  const router = useRouter();
  const [isPending, startTransition] = useTransition();
  const add = () =>
    startTransition(async () => {
      await fetch(`/api/cart/${id}`, { method: "POST" });
      router.refresh();
    });
  return (
    <div>
      <button className="button quiet" id={`add-${id}`} onClick={add} disabled={isPending}>
        <span className="unseen">{name}: </span>Add to cart
      </button>
      <p className="in-cart" id={`count-${id}`}>
        {quantity > 0 && `${quantity} in cart`}
      </p>
    </div>
  );
}
