/** The history of a card as rows, the newest first: movements, and holes in the card's counter. */
import type { Card, Movement } from "./types";

export interface MovementRow {
  readonly kind: "movement";
  readonly id: string;
  readonly at_ms: number;
  readonly movement: Movement;
  readonly counter: number | null;
}

export interface HoleRow {
  readonly kind: "hole";
  readonly id: string;
  readonly at_ms: number;
  readonly from: number;
  readonly to: number;
}

export type Row = MovementRow | HoleRow;

/** Which movements: all, those of the balance, of the deposit, of what waits, rides alone. */
export const parts = ["all", "balance", "pending", "deposit", "rides"] as const;
export type Part = (typeof parts)[number];

const belongs: Readonly<Record<Part, (one: Movement) => boolean>> = {
  all: () => true,
  balance: (one) => one.amount_tiyn !== 0,
  pending: (one) => one.pending_tiyn !== 0,
  deposit: (one) => one.deposit_tiyn !== 0,
  rides: (one) => one.ride !== null,
};

export function historyOf(card: Pick<Card, "statement" | "taps" | "holes">, part: Part): Row[] {
  const rows: Row[] = card.statement.movements.filter(belongs[part]).map((movement, at) => ({
    kind: "movement",
    id: movement.ride ? `t${movement.ride.tap_no}` : `j${movement.journals[0] ?? `-${at}`}`,
    at_ms: movement.at_ms,
    movement,
    counter: movement.ride ? (card.taps[movement.ride.tap_no]?.[0] ?? null) : null,
  }));
  if (part === "all" || part === "rides") {
    for (const [from, to, , before_ms] of card.holes) {
      rows.push({ kind: "hole", id: `h${from}`, at_ms: before_ms, from, to });
    }
  }
  // A hole lies before the tap that shows it, so it stands below it.
  return rows.sort(
    (a, b) => b.at_ms - a.at_ms || Number(a.kind === "hole") - Number(b.kind === "hole"),
  );
}

/** What a filter's rows sum up to: it is the figure that opened it. */
export function sumOf(rows: readonly Row[], part: Part): number {
  return rows.reduce((sum, row) => {
    if (row.kind === "hole") return sum;
    const { amount_tiyn, pending_tiyn, deposit_tiyn } = row.movement;
    return (
      sum + (part === "pending" ? pending_tiyn : part === "deposit" ? deposit_tiyn : amount_tiyn)
    );
  }, 0);
}
