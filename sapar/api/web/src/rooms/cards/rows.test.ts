import { describe, expect, it } from "vitest";
import { historyOf, sumOf } from "./rows";
import type { Card, Movement } from "./types";

function movement(at_ms: number, changes: Partial<Movement>): Movement {
  return {
    at_ms,
    kind: "top_up",
    amount_tiyn: 0,
    balance_tiyn: 0,
    deposit_tiyn: 0,
    pending_tiyn: 0,
    rule: "",
    journals: [at_ms],
    ride: null,
    ...changes,
  };
}

const ride = { tap_no: 5 } as unknown as NonNullable<Movement["ride"]>;
const card = {
  statement: {
    movements: [
      movement(1, { amount_tiyn: 500 }),
      movement(2, { pending_tiyn: 200 }),
      movement(3, { amount_tiyn: -80, kind: "ride", ride, journals: [] }),
    ],
  },
  taps: { "5": [11, "card", true] },
  holes: [[8, 10, 1, 3]],
} as unknown as Card;

describe("the history of a card", () => {
  it("has the newest first and holes as rows below the tap that shows them", () => {
    const rows = historyOf(card, "all");
    expect(rows.map((row) => row.id)).toEqual(["t5", "h8", "j2", "j1"]);
    expect(rows[0]).toMatchObject({ counter: 11 });
    expect(rows[1]).toMatchObject({ from: 8, to: 10 });
  });

  it("sums up to the figures that open it", () => {
    expect(sumOf(historyOf(card, "balance"), "balance")).toBe(420);
    expect(sumOf(historyOf(card, "pending"), "pending")).toBe(200);
    expect(historyOf(card, "deposit")).toEqual([]);
    expect(historyOf(card, "rides").map((row) => row.kind)).toEqual(["movement", "hole"]);
  });
});
