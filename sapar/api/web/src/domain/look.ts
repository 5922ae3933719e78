/** How a vehicle looks: the same glyph and the same words on the map, in lists and in the legend. */
import type { Phase, Vehicle } from "../data/types";
import { type Adherence, adherenceOf, signedMinutes } from "./adherence";
import { type Age, ageOf } from "./age";
import { type Headway, type Load, loadOf, type Spacing, spacingOf } from "./spacing";

export type Question = "adherence" | "headway" | "load" | "age" | "route";
export const questions: readonly [Question, ...Question[]] = [
  "adherence",
  "headway",
  "load",
  "age",
  "route",
];

/** Names of colours; the theme says which they are. */
export type Tone = "cold2" | "cold1" | "even" | "warm1" | "warm2" | "age1" | "age2" | "route";

export type Shape =
  | "arrow"
  | "arrow-ahead"
  | "arrow-behind"
  | "arrow-bunched"
  | "arrow-gap"
  | "arrow-full"
  | "dot"
  | "square"
  | "chevron"
  | "arch"
  | "diamond"
  | "cross"
  | "house"
  | "pause";

export interface Look {
  readonly shape: Shape;
  /** Drawn as an outline: the fix is over a minute old, and the shape does not tell it already. */
  readonly hollow: boolean;
  readonly tone: Tone;
  readonly age: Age;
  readonly adherence: Adherence;
  /** Against the bus ahead; null where that is not known. */
  readonly spacing: Spacing | null;
  /** Something a dispatcher would look at: late, early, off its line, silent. */
  readonly exception: boolean;
}

const toneOfAdherence: Readonly<Record<Adherence, Tone>> = {
  early2: "cold2",
  early1: "cold1",
  even: "even",
  late1: "warm1",
  late2: "warm2",
  none: "age2",
};

const toneOfSpacing: Readonly<Record<Spacing, Tone>> = {
  bunched2: "cold2",
  bunched1: "cold1",
  even: "even",
  gap1: "warm1",
  gap2: "warm2",
};
const toneOfLoad: Readonly<Record<Load, Tone>> = {
  low: "cold1",
  some: "even",
  high: "warm1",
  full: "warm2",
};

/** One shape a state: in grey, without a legend's colours, every state is still told apart. */
export const shapeOfPhase: Readonly<Record<Phase, Shape>> = {
  in_progress: "arrow",
  layover: "square",
  deadhead: "chevron",
  detour: "arch",
  off_route: "diamond",
  no_signal: "cross",
  depot: "house",
  out_of_service: "pause",
};

/** Whether a vehicle in this state is meant to carry passengers, so that silence is a fault. */
export function isAtWork(phase: Phase): boolean {
  return phase !== "depot" && phase !== "out_of_service";
}

/** Whether a shape points where the vehicle goes. */
export function isPointed(shape: Shape): boolean {
  return shape.startsWith("arrow") || shape === "chevron";
}

/** The delay as far as it is known now: that of a silent vehicle is of another time. */
export function delayNow(vehicle: Vehicle): number | null {
  return vehicle.phase === "no_signal" ? null : vehicle.delay_s;
}

/** How full a vehicle is as far as it is known now. */
export function loadNow(vehicle: Vehicle): number | null {
  return vehicle.phase === "no_signal" ? null : (vehicle.load_percent ?? null);
}

/** Gives the look of a vehicle whose fix is `age_s` old, for one colour question. */
export function lookOf(
  vehicle: Vehicle,
  age_s: number,
  question: Question,
  headway: Headway | null = null,
): Look {
  const age = ageOf(age_s);
  const adherence = adherenceOf(delayNow(vehicle));
  const spacing = headway === null ? null : spacingOf(headway.headway_s, headway.plan_s);
  return {
    shape: shapeOf(vehicle, adherence, spacing, question),
    hollow: age === "old" && vehicle.phase !== "no_signal",
    tone: toneOf(vehicle, age, adherence, spacing, question),
    age,
    adherence,
    spacing,
    exception: isException(vehicle, age, adherence),
  };
}

function shapeOf(
  vehicle: Vehicle,
  adherence: Adherence,
  spacing: Spacing | null,
  question: Question,
): Shape {
  const shape = shapeOfPhase[vehicle.phase];
  if (!isPointed(shape)) return shape;
  if (vehicle.bearing === null) return "dot";
  if (shape !== "arrow") return shape;
  if (question === "headway" && spacing !== null && spacing !== "even") {
    return spacing.startsWith("bunched") ? "arrow-bunched" : "arrow-gap";
  }
  if (question === "load" && (loadNow(vehicle) ?? 0) >= 90) return "arrow-full";
  if (question === "adherence") {
    if (adherence === "early1" || adherence === "early2") return "arrow-ahead";
    if (adherence === "late1" || adherence === "late2") return "arrow-behind";
  }
  return shape;
}

function toneOf(
  vehicle: Vehicle,
  age: Age,
  adherence: Adherence,
  spacing: Spacing | null,
  question: Question,
): Tone {
  if (question === "adherence") return toneOfAdherence[adherence];
  if (question === "headway") return spacing === null ? "age2" : toneOfSpacing[spacing];
  if (question === "load") {
    const load = loadNow(vehicle);
    return load === null ? "age2" : toneOfLoad[loadOf(load)];
  }
  if (question === "route") return vehicle.route_id === null ? "age2" : "route";
  if (age === "fresh") return "even";
  return age === "aging" ? "age1" : "age2";
}

function isException(vehicle: Vehicle, age: Age, adherence: Adherence): boolean {
  const mild = adherence === "early1" || adherence === "late1";
  const strong = adherence === "early2" || adherence === "late2";
  if (!isAtWork(vehicle.phase)) return false;
  const astray = ["off_route", "detour", "no_signal"].includes(vehicle.phase);
  return mild || strong || astray || age === "old" || age === "gone";
}

/** The text beside a glyph: the route, what is asked about, and the age once it is over a minute. */
export function labelOf(
  vehicle: Vehicle,
  routeName: string,
  look: Look,
  question: Question,
  ageText: () => string,
  headway: Headway | null = null,
): string {
  const parts = [routeName];
  const deviates = look.adherence !== "even" && look.adherence !== "none";
  const delay_s = delayNow(vehicle);
  if (question === "adherence" && deviates && delay_s !== null) parts.push(signedMinutes(delay_s));
  if (question === "headway" && headway !== null && look.spacing !== "even") {
    parts.push(`${Math.round(headway.headway_s / 60)}′/${Math.round(headway.plan_s / 60)}′`);
  }
  const load = loadNow(vehicle);
  if (question === "load" && load !== null) parts.push(`${load} %`);
  const text = parts.filter((part) => part !== "").join(" ");
  return [text, look.age === "old" ? ageText() : ""].filter((part) => part !== "").join(" · ");
}
