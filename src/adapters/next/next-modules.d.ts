// The parts of Next that the adapter imports. It is an optional peer, so its types may be absent.

declare module "next/headers.js" {
  export function headers(): Promise<Headers>;
  export function cookies(): Promise<import("./types.ts").NextCookies>;
}

declare module "next/server.js" {
  export class NextResponse extends Response {
    static next(): NextResponse;
  }
}
