const collator = new Intl.Collator("kk", { numeric: true, sensitivity: "base" });

/** Orders names as a person does: 2, 10, 10А, 105. */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b);
}

/**
 * Gives the order of things by two names each, the first before the second; an empty first name
 * comes last. The last answer is kept: comparing thousands of names takes longer than a frame, and
 * from tick to tick hardly any name changes.
 */
export function keptOrder(): (
  first: readonly string[],
  second: readonly string[],
) => readonly number[] {
  let before: { first: readonly string[]; second: readonly string[] } = { first: [], second: [] };
  let order: readonly number[] = [];
  return (first, second) => {
    if (!same(first, before.first) || !same(second, before.second)) {
      before = { first, second };
      const ranks = ranksOf(first);
      const within = ranksOf(second);
      const rank = (ranked: ReadonlyMap<string, number>, name: string | undefined): number =>
        name === "" ? Number.MAX_SAFE_INTEGER : (ranked.get(name ?? "") ?? 0);
      order = first
        .map((_, index) => index)
        .sort(
          (a, b) =>
            rank(ranks, first[a]) - rank(ranks, first[b]) ||
            rank(within, second[a]) - rank(within, second[b]),
        );
    }
    return order;
  };
}

function ranksOf(names: readonly string[]): ReadonlyMap<string, number> {
  const distinct = [...new Set(names)].sort(naturalOrder);
  return new Map(distinct.map((name, rank) => [name, rank]));
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
