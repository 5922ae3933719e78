const collator = new Intl.Collator("kk", { numeric: true, sensitivity: "base" });

/** Orders names as a person does: 2, 10, 10А, 105. */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b);
}
