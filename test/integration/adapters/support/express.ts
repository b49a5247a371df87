import { createRequire } from "node:module";
import type express from "express";

/** Express 4 under its alias. There are types for version 5 only, and for what the tests use they fit. */
export const express4 = createRequire(import.meta.url)("express4") as typeof express;
