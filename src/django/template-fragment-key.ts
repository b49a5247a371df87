import { createHash } from "node:crypto";

/**
 * The key under which Django's template tag `{% cache %}` keeps a fragment (`make_template_fragment_key` of
 * django/core/cache/utils.py): for `cache.delete()` when what it shows has changed.
 *
 * @param name The fragment's name in the tag.
 * @param varyOn What stands after the name, each as Python's `str()` has it: `None` as `"None"`, `True` as
 *   `"True"`.
 *   @defaultValue `[]`
 */
export function makeTemplateFragmentKey(name: string, varyOn: readonly (string | number | bigint)[] = []): string {
  const hash = createHash("md5");
  for (const each of varyOn) hash.update(`${each}:`);
  return `template.cache.${name}.${hash.digest("hex")}`;
}
