// The parts of Next that the adapter imports. It is an optional peer, so its types may be absent.

declare module "next/headers.js" {
  export function headers(): Promise<Headers>;
  export function cookies(): Promise<{
    set(name: string, value: string, attributes: object): unknown;
    delete(name: string): unknown;
  }>;
}

declare module "next/server.js" {
  export class NextResponse extends Response {
    static next(): NextResponse;
  }
}
