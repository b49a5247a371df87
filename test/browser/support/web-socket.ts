import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "../guides/socket.ts";

// RFC 6455 section 1.3.
const HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The server's end of a WebSocket, for short messages: as much of RFC 6455 as these tests need. */
class TestSocket extends EventEmitter implements Socket {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    stream.on("data", (frame: Buffer) => this.#take(frame));
    stream.on("close", () => this.emit("close"));
    stream.on("error", () => stream.destroy());
  }

  send(text: string): void {
    this.#write(1, Buffer.from(text));
  }

  close(code: number, reason: string): void {
    this.#write(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
    this.#stream.end();
  }

  #write(opcode: number, payload: Buffer): void {
    this.#stream.write(Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]));
  }

  #take(frame: Buffer): void {
    if (((frame[0] ?? 0) & 15) !== 1) return;
    const mask = frame.subarray(2, 6);
    this.emit(
      "message",
      frame.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
    );
  }
}

/** Calls a function for each WebSocket that a browser opens. */
export function onWebSocket(server: Server, serve: (socket: Socket, request: IncomingMessage) => void): void {
  server.on("upgrade", (request: IncomingMessage, stream: Duplex) => {
    const accept = createHash("sha1")
      .update(request.headers["sec-websocket-key"] + HANDSHAKE)
      .digest("base64");
    const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    stream.write([...head, `Sec-WebSocket-Accept: ${accept}`, "", ""].join("\r\n"));
    serve(new TestSocket(stream), request);
  });
}
