/** The measures of the table by route and hour. */
import type { Service as Row } from "./types";

export type Measure = "onTime" | "regular" | "excess" | "runs";
export const measures: readonly Measure[] = ["onTime", "regular", "excess", "runs"];

/** A row's value of a measure; minutes for the excess wait, shares for the others. */
export function measured(row: Row, measure: Measure): number | null {
  if (measure === "onTime") return row.on_time_share;
  if (measure === "regular") return row.regular_share;
  if (measure === "runs") return row.run_share ?? null;
  return row.excess_wait_s === null ? null : row.excess_wait_s / 60;
}

/** How far from good a value is: 0 calm, 1 mild, 2 strong. */
export function strain(value: number | null, measure: Measure): 0 | 1 | 2 {
  if (value === null) return 0;
  if (measure === "excess") return value > 3 ? 2 : value > 1.5 ? 1 : 0;
  const [mild, strong] = measure === "runs" ? [0.97, 0.9] : [0.8, 0.7];
  return value < strong ? 2 : value < mild ? 1 : 0;
}

export interface RouteRow {
  readonly route_id: string;
  readonly name: string;
  readonly whole: Row | undefined;
  readonly hours: ReadonlyMap<number, Row>;
}

/** Puts the rows of routes and of their hours together, in the order of the routes' names. */
export function routeRows(
  whole: readonly Row[],
  hourly: readonly Row[],
  nameOf: (route_id: string) => string,
): RouteRow[] {
  const hours = new Map<string, Map<number, Row>>();
  for (const row of hourly) {
    const id = row.route_id ?? "";
    const mine = hours.get(id) ?? new Map<number, Row>();
    mine.set(row.hour ?? 0, row);
    hours.set(id, mine);
  }
  return whole.map((row) => {
    const id = row.route_id ?? "";
    return { route_id: id, name: nameOf(id), whole: row, hours: hours.get(id) ?? new Map() };
  });
}
