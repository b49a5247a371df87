export default function Page() {
  return <p>The replicas.</p>;
}
