import { describe, expect, it } from "vitest";
import {
  countChanges,
  findingsOf,
  isChanged,
  pricesOf,
  tiynOf,
  withCell,
  withoutRow,
  withRow,
} from "./tables";
import type { FileTable } from "./types";

const products: FileTable = {
  name: "fare_products.txt",
  columns: ["fare_product_id", "rider_category_id", "fare_media_id", "amount"],
  rows: [
    ["ride", "adult", "card", "80"],
    ["ride", "pupil", "card", "40"],
    ["ride", "adult", "app", "100"],
  ],
};

describe("tables of a tariff", () => {
  it("show prices by product, medium and category", () => {
    const { categories, rows } = pricesOf([products]);
    expect(categories).toEqual(["adult", "pupil"]);
    expect(rows).toEqual([
      { product: "ride", medium: "card", amounts: { adult: "80", pupil: "40" } },
      { product: "ride", medium: "app", amounts: { adult: "100" } },
    ]);
    expect(pricesOf([])).toEqual({ categories: [], rows: [] });
    expect(["80", "40.5", "0", "x", "1.234"].map(tiynOf)).toEqual([8000, 4050, 0, null, null]);
  });

  it("are changed without touching what was", () => {
    const [after] = withCell([products], products.name, 0, 3, "90");
    expect(after?.rows[0]).toEqual(["ride", "adult", "card", "90"]);
    expect(products.rows[0]?.[3]).toBe("80");
    expect(after && countChanges(products, after)).toBe(1);
    expect(isChanged(products, 0, 3, "90")).toBe(true);
    expect(isChanged(products, 0, 3, "80")).toBe(false);
  });

  it("take and lose rows", () => {
    const [more] = withRow([products], products.name);
    expect(more?.rows).toHaveLength(4);
    const [fewer] = withoutRow([products], products.name, 1);
    expect(fewer?.rows.map((row) => row[1])).toEqual(["adult", "adult"]);
    expect(withRow([{ ...products, rows: [] }], products.name)[0]?.rows).toEqual([
      ["", "", "", ""],
    ]);
  });

  it("know the findings of a row by the line of the file", () => {
    const finding = { code: "bad_value", file: products.name, line: 3, message: "" };
    expect(findingsOf([finding], products.name, 1)).toEqual([finding]);
    expect(findingsOf([finding], products.name, 0)).toEqual([]);
  });
});
