// Nitro's own server. Without a host it prints one that is no address of a browser.
process.env.HOST ??= "127.0.0.1";
await import("./build/server/index.mjs");
