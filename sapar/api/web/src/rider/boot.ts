/** What the server put into the page: which city it is about, and what it knew already. */
import type { Board } from "./types";

export type Language = "kk" | "ru" | "en";
export const languages: readonly Language[] = ["kk", "ru", "en"];

export interface Boot {
  /** What addresses of the city begin with: "" or "/aqtobe". */
  readonly base: string;
  readonly agency_id: string;
  readonly city: string;
  readonly timezone: string;
  /** City seconds a wall second: 1 but in a demonstration. */
  readonly rate: number;
  readonly contact_days: number;
  readonly language: Language;
  /** The board of the stop that was asked for. */
  readonly board?: Board;
}

const empty: Boot = {
  base: "",
  agency_id: "",
  city: "",
  timezone: "UTC",
  rate: 1,
  contact_days: 60,
  language: "ru",
};

function read(): Boot {
  const text = globalThis.document?.getElementById("boot")?.textContent;
  return text ? (JSON.parse(text) as Boot) : empty;
}

export const boot: Boot = read();
