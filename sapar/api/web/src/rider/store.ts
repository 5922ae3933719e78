/** What stays on the phone: choices, stops, boards that were shown, reports. Never a card. */
import { signal } from "@preact/signals";
import { boot } from "./boot";
import type { Board, Stop } from "./types";

const place = `sapar.rider.${boot.agency_id}`;

/** Reads what was kept; storage may be switched off, full, or of an older version. */
export function kept<T>(name: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`${place}.${name}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

export function keep(name: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(`${place}.${name}`);
    else localStorage.setItem(`${place}.${name}`, JSON.stringify(value));
  } catch {
    // a phone that keeps nothing still shows everything
  }
}

export type StopKept = Pick<Stop, "id" | "name" | "towards">;

export const favourites = signal<readonly StopKept[]>(kept("stops", []));
export const recent = signal<readonly StopKept[]>(kept("recent", []));
const recentMax = 6;

export function toggleFavourite(stop: StopKept): void {
  const there = favourites.value.some((one) => one.id === stop.id);
  favourites.value = there
    ? favourites.value.filter((one) => one.id !== stop.id)
    : [...favourites.value, stop];
  keep("stops", favourites.value);
}

export function rememberStop(stop: StopKept): void {
  const others = recent.value.filter((one) => one.id !== stop.id);
  recent.value = [stop, ...others].slice(0, recentMax);
  keep("recent", recent.value);
}

/** A board and when it came, in wall milliseconds. */
export interface Shown {
  readonly board: Board;
  readonly got_ms: number;
}

const boardsMax = 20;

export function keepBoard(shown: Shown): void {
  const id = shown.board.stop.stop_id;
  const order = [id, ...kept<string[]>("boards", []).filter((one) => one !== id)];
  for (const old of order.splice(boardsMax)) keep(`board.${old}`, null);
  keep("boards", order);
  keep(`board.${id}`, shown);
}

export function keptBoard(id: string): Shown | null {
  return kept<Shown | null>(`board.${id}`, null);
}

export interface ReportKept {
  readonly code: string;
  readonly kind: string;
  readonly at_ms: number;
}

export const reports = signal<readonly ReportKept[]>(kept("reports", []));

export function rememberReport(report: ReportKept): void {
  reports.value = [report, ...reports.value.filter((one) => one.code !== report.code)].slice(0, 30);
  keep("reports", reports.value);
}

export type Theme = "auto" | "light" | "dark";
export type Size = "normal" | "large" | "largest";
export const theme = signal<Theme>(kept<Theme>("theme", "auto"));
export const size = signal<Size>(kept<Size>("size", "normal"));
