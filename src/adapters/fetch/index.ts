// STUB until web lands
import { CrossSiteRule } from "../../session/http/cross-site.ts";
import { NextRequestInfo } from "../next/request-session.ts";

export function fetchSessions(sessions: any, handler: any, { onError, crossSite }: any): any {
  const rule = new CrossSiteRule(crossSite, "fetchSessions");
  return async (request: Request, ...rest: unknown[]) => {
    const info = new NextRequestInfo(request.method, request.headers, rule);
    const scope = sessions.scope(request, info);
    let response: Response;
    try {
      info.checkSite();
      response = await handler(request, ...rest);
      try {
        await scope.finish({ status: response.status, headersSent: false });
      } catch (error) {
        await response.body?.cancel();
        throw error;
      }
    } catch (error) {
      response = await onError(error, request);
      await scope.finish({ status: response.status, headersSent: false })?.catch(() => {});
    }
    if (!scope.isUsed) return response;
    const { setCookie } = scope.headers();
    let body: any = response.body;
    if (body !== null && request.method !== "HEAD") {
      const reader = body.getReader();
      const status = response.status;
      body = new ReadableStream(
        {
          async pull(controller) {
            try {
              const { done, value } = await reader.read();
              if (!done) return controller.enqueue(value);
              await scope.finish({ status, headersSent: true });
              controller.close();
            } catch (error) {
              controller.error(error);
            }
          },
          async cancel(reason) {
            await reader.cancel(reason);
            await scope.finish({ status, headersSent: true, isClientGone: true });
          },
        },
        { highWaterMark: 0 },
      );
    }
    const out = new Response(body, response);
    const present = out.headers.getSetCookie();
    for (const c of setCookie) if (!present.includes(c)) out.headers.append("set-cookie", c);
    const vary = out.headers.get("vary");
    if (!vary) out.headers.set("vary", "Cookie");
    else if (!/cookie|\*/i.test(vary)) out.headers.append("vary", "Cookie");
    if (!out.headers.has("cache-control") || setCookie.length) out.headers.set("cache-control", "private");
    return out;
  };
}
