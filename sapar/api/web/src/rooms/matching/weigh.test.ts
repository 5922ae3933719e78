import { describe, expect, it } from "vitest";
import type { BankLine, Item } from "./types";
import {
  ageDays,
  holding,
  residualsOf,
  shared,
  toggled,
  verdictOf,
  weigh,
  withOneMore,
} from "./weigh";

const line = (amount_tiyn: number) => ({ amount_tiyn }) as BankLine;
const item = (amount_tiyn: number, fee_tiyn = 0, more: Partial<Item> = {}) =>
  ({ amount_tiyn, fee_tiyn, code: 1110, owner: "k", residual_code: null, ...more }) as Item;

describe("weighing", () => {
  it("takes fees off what is expected", () => {
    const weight = weigh([line(97_500)], [item(100_000, 2_500)]);
    expect(weight).toEqual({ lines_tiyn: 97_500, items_tiyn: 97_500, difference_tiyn: 0 });
    expect(verdictOf(1, weight)).toBe("adds_up");
  });

  it("waits for an account while there is a difference, and for a line", () => {
    expect(verdictOf(1, weigh([line(5)], [item(7)]))).toBe("differs");
    expect(verdictOf(0, weigh([], [item(7)]))).toBe("nothing");
    expect(verdictOf(2, weigh([line(5), line(-5)], []))).toBe("adds_up");
  });

  it("offers the items' own accounts first", () => {
    const found = residualsOf(
      [item(1, 0, { residual_code: 5160, residual_owner: "" })],
      [
        { code: 5160, has_owner: false },
        { code: 2520, has_owner: true },
      ],
    );
    expect(found).toEqual([
      { code: 5160, owner: "" },
      { code: 1110, owner: "k" },
      { code: 2520, owner: null },
    ]);
  });

  it("counts days, keeps choices and finds texts", () => {
    expect(ageDays("2026-10-31", "2026-11-02")).toBe(2);
    expect([...toggled(toggled(new Set([1]), 2), 1)]).toEqual([2]);
    expect(holding(["Қаспи", "Halyk"], "қас", (one) => one)).toEqual(["Қаспи"]);
  });

  it("gives the last part of a difference what the others leave", () => {
    const part = (tiyn: number | null) => ({ id: 1, place: 0, owner: "", tiyn });
    expect(shared([part(null)], -700)).toEqual([-700]);
    expect(shared([part(-500), part(null)], -700)).toEqual([-500, -200]);
    expect(shared([part(900), part(null)], 700)).toEqual([900, -200]);
    expect(shared([part(700), part(null)], 700)).toBeNull();
    expect(shared([part(null), part(null)], 700)).toBeNull();
  });

  it("keeps what was typed for a part with that part when another one goes", () => {
    const typed = withOneMore(withOneMore(withOneMore([]))).map((one) => ({
      ...one,
      tiyn: one.id,
    }));
    const [first, , third] = typed;
    const left = typed.filter((one) => one.id !== 2);
    expect(left).toEqual([first, third]);
    // the last one took what was left: its own amount is typed anew, and no id comes twice
    const more = withOneMore(left);
    expect(more.map((one) => [one.id, one.tiyn])).toEqual([
      [1, 1],
      [3, null],
      [4, null],
    ]);
  });
});
