import express from "express";
import { rateLimit } from "express-rate-limit";
import { expressRateLimitStore } from "sojourn/integrations/express-rate-limit";
import { cache } from "./cache.js";

// @ts-expect-error The option is called prefix.
const wrong = () => expressRateLimitStore(cache, { keyPrefix: "a" });

const store = expressRateLimitStore(cache);
express().use(rateLimit({ windowMs: 60_000, limit: 1, store }));
const { totalHits } = await store.increment("ann");
const works = totalHits === 1 && typeof wrong === "function";
process.stdout.write(`${works}\n`);
