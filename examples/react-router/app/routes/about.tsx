export default function About() {
  return (
    <div className="narrow">
      <h1>About the shop</h1>
      <p className="lede">A pretend shop: nothing is sold.</p>
      <p className="actions">
        <a className="button" href="/">
          To the shop
        </a>{" "}
        <a href="/cart">To your cart</a>
      </p>
    </div>
  );
}
