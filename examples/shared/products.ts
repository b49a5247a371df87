export interface Product {
  readonly id: string;
  readonly name: string;
  readonly line: string;
  readonly cents: number;
}

export const products: readonly Product[] = [
  { id: "mug", name: "Enamel mug", line: "Chips with dignity.", cents: 1400 },
  { id: "notebook", name: "Field notebook", line: "Ninety-six unruled pages.", cents: 1150 },
  { id: "blanket", name: "Wool blanket", line: "Heavier than the night is cold.", cents: 8900 },
  { id: "kettle", name: "Travel kettle", line: "Half a litre in three minutes.", cents: 4250 },
  { id: "lamp", name: "Reading lamp", line: "Bright for you, dark for others.", cents: 3600 },
  { id: "bag", name: "Canvas bag", line: "Takes all of the above.", cents: 2800 },
];

export function findProduct(id: unknown): Product | undefined {
  return products.find((product) => product.id === id);
}

const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export function formatPrice(cents: number): string {
  return euros.format(cents / 100);
}
