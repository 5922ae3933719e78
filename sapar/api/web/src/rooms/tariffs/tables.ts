/** Tables of a tariff: prices at a glance, what a draft changes, and changing it. Pure. */
import type { FileTable, Finding } from "./types";

/** The value of a column in a row; "" where the file has no such column. */
function cell(table: FileTable, row: readonly string[], column: string): string {
  return row[table.columns.indexOf(column)] ?? "";
}

export interface PriceRow {
  readonly product: string;
  readonly medium: string;
  /** By rider category; "" (all others) too. */
  readonly amounts: Readonly<Record<string, string>>;
}

/** Prices: a row for each product and medium, a column for each rider category that has one. */
export function pricesOf(tables: readonly FileTable[]): {
  readonly categories: readonly string[];
  readonly rows: readonly PriceRow[];
} {
  const table = tables.find((one) => one.name === "fare_products.txt");
  if (!table) return { categories: [], rows: [] };
  const rows = new Map<
    string,
    { product: string; medium: string; amounts: Record<string, string> }
  >();
  const categories = new Set<string>();
  for (const one of table.rows) {
    const product = cell(table, one, "fare_product_id");
    const medium = cell(table, one, "fare_media_id");
    const category = cell(table, one, "rider_category_id");
    const key = `${product} ${medium}`;
    const row = rows.get(key) ?? { product, medium, amounts: {} };
    row.amounts[category] = cell(table, one, "amount");
    categories.add(category);
    rows.set(key, row);
  }
  return { categories: [...categories], rows: [...rows.values()] };
}

/** An amount of a file, tenge with at most two decimals, in tiyn; null when it is none. */
export function tiynOf(text: string): number | null {
  const found = /^(\d{1,7})(?:\.(\d{1,2}))?$/.exec(text.trim());
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

/** Files that have rows first; the empty ones can be begun. */
export function filled(tables: readonly FileTable[]): readonly FileTable[] {
  return [
    ...tables.filter(({ rows }) => rows.length > 0),
    ...tables.filter(({ rows }) => rows.length === 0),
  ];
}

function changed(
  tables: readonly FileTable[],
  name: string,
  change: (table: FileTable) => readonly (readonly string[])[],
): readonly FileTable[] {
  return tables.map((one) => (one.name === name ? { ...one, rows: change(one) } : one));
}

export function withCell(
  tables: readonly FileTable[],
  name: string,
  row: number,
  column: number,
  text: string,
): readonly FileTable[] {
  return changed(tables, name, ({ rows }) =>
    rows.map((cells, at) =>
      at === row ? cells.map((old, place) => (place === column ? text : old)) : cells,
    ),
  );
}

/** With a row more: a copy of the last one, which is most often near to what is wanted. */
export function withRow(tables: readonly FileTable[], name: string): readonly FileTable[] {
  return changed(tables, name, ({ rows, columns }) => [
    ...rows,
    rows.at(-1) ?? columns.map(() => ""),
  ]);
}

export function withoutRow(
  tables: readonly FileTable[],
  name: string,
  row: number,
): readonly FileTable[] {
  return changed(tables, name, ({ rows }) => rows.filter((_, at) => at !== row));
}

/** How many rows of a file are not in the other version of it. */
export function countChanges(before: FileTable | undefined, after: FileTable): number {
  const old = new Set((before?.rows ?? []).map((row) => JSON.stringify(row)));
  const now = new Set(after.rows.map((row) => JSON.stringify(row)));
  const added = [...now].filter((row) => !old.has(row)).length;
  const dropped = [...old].filter((row) => !now.has(row)).length;
  return Math.max(added, dropped);
}

/** Whether a cell differs from the row of the same place before. */
export function isChanged(
  before: FileTable | undefined,
  row: number,
  column: number,
  text: string,
): boolean {
  return (before?.rows[row]?.[column] ?? "") !== text;
}

/** What is wrong with a row: findings of its line; line 2 is the first row. */
export function findingsOf(
  findings: readonly Finding[],
  name: string,
  row: number,
): readonly Finding[] {
  return findings.filter(({ file, line }) => file === name && line === row + 2);
}
