/** A page of the Pages Router. */
export default function Legacy({ number }) {
  return <output>{`legacy: ${number}`}</output>;
}

export function getStaticProps() {
  return { props: { number: Math.random() }, revalidate: 3600 };
}
