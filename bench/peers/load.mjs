// The load generator. Not type-checked: see candidates.mjs.
import autocannon from "autocannon";

/**
 * Sends requests over many connections. Each connection has its share of the visitors, whose requests it
 * sends in turns, each with the cookie that the visitor got last.
 *
 * @param {object} options
 * @param {string} options.url
 * @param {readonly import("../http/visitor.mjs").Visitor[]} options.visitors
 * @param {number} options.connections
 * @param {number} options.amount Requests in all.
 */
export async function load({ url, visitors, connections, amount }) {
  const share = visitors.length / connections;
  let clients = 0;
  const setupClient = (client) => {
    const start = clients++ * share;
    follow(client, visitors.slice(start, start + share));
  };
  // A busy machine must not end a run.
  const result = await autocannon({ url, connections, amount, setupClient, sampleInt: 20, timeout: 60 });
  const failed = result.errors + result.timeouts + result.non2xx + result.resets;
  if (failed > 0) throw new Error(`${failed} of ${amount} requests to ${url} have failed.`);
}

function follow(client, visitors) {
  const { pathname: path } = client.opts;
  client.setRequests(visitors.map(({ cookie }) => ({ method: "GET", path, headers: { cookie } })));
  let at = 0;
  client.on("headers", ({ headers }) => {
    for (let name = 0; name < headers.length; name += 2) {
      if (headers[name].toLowerCase() !== "set-cookie") continue;
      visitors[at].take(headers[name + 1]);
      client.setHeaders({ cookie: visitors[at].cookie });
    }
  });
  client.on("response", () => (at = (at + 1) % visitors.length));
}
