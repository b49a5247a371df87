/** Groups items. An item without a group is left out. */
export function groupBy<Item, Key>(
  items: readonly Item[],
  groupOf: (item: Item) => Key | undefined,
): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groupOf(item);
    if (group === undefined) continue;
    const members = groups.get(group);
    if (members) members.push(item);
    else groups.set(group, [item]);
  }
  return groups;
}
