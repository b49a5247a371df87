/** The hidden fields of a form that changes the cart. */
export function ChangeFields({ id, by }: { id: string; by: 1 | -1 }) {
  return (
    <>
      <input type="hidden" name="product" value={id} />
      <input type="hidden" name="by" value={by} />
    </>
  );
}
