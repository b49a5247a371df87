/** Markup of the shared views: pictures and times. */
export function Markup({ html }: { html: string }) {
  return <span style={{ display: "contents" }} dangerouslySetInnerHTML={{ __html: html }} />;
}
