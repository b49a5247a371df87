import { expect, test } from "vitest";
import { makeTemplateFragmentKey } from "./template-fragment-key.ts";

// Made with Django 5.2.17.
test.each([
  [[], "template.cache.spam.d41d8cd98f00b204e9800998ecf8427e"],
  [["eggs", 1], "template.cache.spam.ba1a7aa200b092b254a5d5bf01c3b18b"],
])("makeTemplateFragmentKey(spam, %o) is Django's", (varyOn, key) => {
  expect(makeTemplateFragmentKey("spam", varyOn)).toBe(key);
});
