/** What is chosen on both sides, and what is between them. Pure. */
import type { BankLine, Item } from "./types";

export interface Weight {
  readonly lines_tiyn: number;
  /** What the bank should show of the items: less the fees that are kept back. */
  readonly items_tiyn: number;
  readonly difference_tiyn: number;
}

export function weigh(lines: readonly BankLine[], items: readonly Item[]): Weight {
  const lines_tiyn = lines.reduce((sum, one) => sum + one.amount_tiyn, 0);
  const items_tiyn = items.reduce((sum, one) => sum + one.amount_tiyn - one.fee_tiyn, 0);
  return { lines_tiyn, items_tiyn, difference_tiyn: lines_tiyn - items_tiyn };
}

export type Verdict = "nothing" | "adds_up" | "differs";

/** Whether it can be matched as it is, with an account for the difference, or not at all. */
export function verdictOf(lines: number, weight: Weight): Verdict {
  if (lines === 0) return "nothing";
  return weight.difference_tiyn === 0 ? "adds_up" : "differs";
}

/** Where a difference can go: what the chosen items say first, then the chart's other accounts. */
export function residualsOf(
  items: readonly Item[],
  accounts: readonly { readonly code: number; readonly has_owner: boolean }[],
): readonly { readonly code: number; readonly owner: string | null }[] {
  const found: { code: number; owner: string | null }[] = [];
  const put = (code: number, owner: string | null): void => {
    if (!found.some((one) => one.code === code && one.owner === owner)) found.push({ code, owner });
  };
  for (const one of items)
    if (one.residual_code !== null) put(one.residual_code, one.residual_owner);
  for (const one of items) put(one.code, one.owner);
  // an account of nobody has the owner ""; null: it has to be named
  for (const one of accounts) put(one.code, one.has_owner ? null : "");
  return found;
}

/** A part of a difference; an amount of null is what the others leave. */
export interface Part {
  /** Of this dialog: a part that goes takes what was typed for it along, and nobody else's. */
  readonly id: number;
  /** Place in what `residualsOf` offers. */
  readonly place: number;
  /** Of an account whose owner has to be named. */
  readonly owner: string;
  readonly tiyn: number | null;
}

/** Adds a part that takes what is left; the one that took it gets an amount of its own, not yet typed. */
export function withOneMore(parts: readonly Part[]): readonly Part[] {
  const id = Math.max(0, ...parts.map((one) => one.id)) + 1;
  const kept = parts.map((one, at) => (at === parts.length - 1 ? { ...one, tiyn: null } : one));
  return [...kept, { id, place: 0, owner: "", tiyn: null }];
}

/** Gives parts their amounts: the last one takes what is left of a difference; null: one has none. */
export function shared(parts: readonly Part[], difference_tiyn: number): readonly number[] | null {
  const named = parts.slice(0, -1).map(({ tiyn }) => tiyn);
  if (named.some((one) => one === null || one === 0)) return null;
  const amounts = named.map((one) => one ?? 0);
  const left = difference_tiyn - amounts.reduce((sum, one) => sum + one, 0);
  return left === 0 ? null : [...amounts, left];
}

/** Days between two days written as 2026-11-20. */
export function ageDays(day: string, today: string): number {
  return Math.round((Date.parse(today) - Date.parse(day)) / 86_400_000);
}

export function toggled(chosen: ReadonlySet<number>, no: number): ReadonlySet<number> {
  const next = new Set(chosen);
  if (!next.delete(no)) next.add(no);
  return next;
}

/** Rows that hold a text anywhere. */
export function holding<T>(rows: readonly T[], text: string, of: (row: T) => string): readonly T[] {
  const wanted = text.trim().toLocaleLowerCase("kk");
  return wanted === ""
    ? rows
    : rows.filter((row) => of(row).toLocaleLowerCase("kk").includes(wanted));
}
