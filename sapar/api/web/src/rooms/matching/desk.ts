/** What is chosen and where one stands; the room's keys and its columns both use it. */
import { batch, computed, signal } from "@preact/signals";
import { itemKind } from "./messages";
import type { BankLine, Item, Open } from "./types";
import { holding, toggled, verdictOf, weigh } from "./weigh";

export type Side = "lines" | "items";

/** What the server told last. */
export const open = signal<Open | null>(null);
export const chosenLines = signal<ReadonlySet<number>>(new Set());
export const chosenItems = signal<ReadonlySet<number>>(new Set());
export const sought = { lines: signal(""), items: signal("") } as const;
export const side = signal<Side>("lines");
export const at = { lines: signal(0), items: signal(0) } as const;
export const asking = signal(false);

export function lineText(one: BankLine): string {
  return [
    one.booked_on,
    String(one.amount_tiyn / 100),
    one.counterparty_name,
    one.counterparty_bin,
    one.reference,
    one.bank_reference,
    one.purpose,
    one.bank_account_id,
  ].join(" ");
}

export function itemText(one: Item): string {
  return [
    one.item_date,
    String(one.amount_tiyn / 100),
    itemKind(one.kind),
    one.owner,
    one.reference,
    one.batch_ref,
  ].join(" ");
}

export const lines = computed(() => holding(open.value?.lines ?? [], sought.lines.value, lineText));
export const items = computed(() => holding(open.value?.items ?? [], sought.items.value, itemText));

export const pickedLines = computed(() =>
  (open.value?.lines ?? []).filter((one) => chosenLines.value.has(one.line_no)),
);
export const pickedItems = computed(() =>
  (open.value?.items ?? []).filter((one) => chosenItems.value.has(one.item_no)),
);
export const weight = computed(() => weigh(pickedLines.value, pickedItems.value));
export const verdict = computed(() => verdictOf(pickedLines.value.length, weight.value));

/** The line that suggestions are asked for: the only one that is chosen. */
export const asked = computed(() =>
  pickedLines.value.length === 1 ? (pickedLines.value[0] ?? null) : null,
);

export function chooseLine(line_no: number): void {
  chosenLines.value = toggled(chosenLines.value, line_no);
}

export function chooseItem(item_no: number): void {
  chosenItems.value = toggled(chosenItems.value, item_no);
}

export function clear(): void {
  batch(() => {
    chosenLines.value = new Set();
    chosenItems.value = new Set();
  });
}

/** Chooses or lets go the row where one stands. */
export function chooseHere(): void {
  if (side.value === "lines") {
    const line = lines.value[at.lines.value];
    if (line) chooseLine(line.line_no);
  } else {
    const item = items.value[at.items.value];
    if (item) chooseItem(item.item_no);
  }
}

export function step(by: number): void {
  const here = at[side.value];
  const count = side.value === "lines" ? lines.value.length : items.value.length;
  here.value = Math.max(0, Math.min(count - 1, here.value + by));
  document.getElementById(rowId(side.value, here.value))?.scrollIntoView({ block: "nearest" });
}

export function rowId(of: Side, index: number): string {
  return `matching-${of}-${index}`;
}

/** Takes what the server told: what is no longer open is no longer chosen. */
export function take(told: Open): void {
  batch(() => {
    open.value = told;
    const known = new Set(told.lines.map(({ line_no }) => line_no));
    const expected = new Set(told.items.map(({ item_no }) => item_no));
    chosenLines.value = new Set([...chosenLines.value].filter((no) => known.has(no)));
    chosenItems.value = new Set([...chosenItems.value].filter((no) => expected.has(no)));
  });
}
