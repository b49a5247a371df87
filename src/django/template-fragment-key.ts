import { createHash } from "node:crypto";

/**
 * Returns the key under which Django's template tag `{% cache %}` stores a fragment, for
 * `cache.delete()` when its content has changed (`make_template_fragment_key` of
 * django/core/cache/utils.py).
 *
 * @param name Name of the fragment in the tag.
 * @param varyOn Arguments after the name, as Python's `str()` writes them: `None` as `"None"`,
 *   `True` as `"True"`.
 *   @defaultValue `[]`
 */
export function makeTemplateFragmentKey(
  name: string,
  varyOn: readonly (string | number | bigint)[] = [],
): string {
  const hash = createHash("md5");
  for (const each of varyOn) hash.update(`${each}:`);
  return `template.cache.${name}.${hash.digest("hex")}`;
}
