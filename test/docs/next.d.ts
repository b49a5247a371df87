// The parts of Next that examples import: it is installed for the example of Next alone.

declare module "next/cache" {
  export function refresh(): void;
}

declare module "next/navigation" {
  export function redirect(url: string): never;
  export function notFound(): never;
}

declare module "next/server" {
  export class NextRequest extends Request {}

  export class NextResponse extends Response {
    static override redirect(url: string | URL): NextResponse;
  }
}
