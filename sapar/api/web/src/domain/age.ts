/** Classes of the age of a fix, in seconds of the city's time. */
export type Age = "fresh" | "aging" | "old" | "gone";

export const ageLimits = { fresh: 15, aging: 60, old: 300 } as const;

/** Sorts an age into its class: drawn solid, faded, hollow, or only listed. */
export function ageOf(age_s: number): Age {
  if (age_s <= ageLimits.fresh) return "fresh";
  if (age_s <= ageLimits.aging) return "aging";
  if (age_s <= ageLimits.old) return "old";
  return "gone";
}

export type Duration =
  | { readonly key: "seconds" | "minutes"; readonly values: { readonly n: number } }
  | { readonly key: "minutesSeconds"; readonly values: { readonly m: number; readonly s: number } }
  | { readonly key: "hours"; readonly values: { readonly h: number; readonly m: number } };

/** A duration as the message that says it: seconds up to a minute, both up to five, then minutes. */
export function duration(seconds: number): Duration {
  const whole = Math.max(0, Math.floor(seconds));
  const m = Math.floor(whole / 60);
  if (whole < 60) return { key: "seconds", values: { n: whole } };
  if (whole < 300 && whole % 60 !== 0) {
    return { key: "minutesSeconds", values: { m, s: whole % 60 } };
  }
  if (m < 60) return { key: "minutes", values: { n: m } };
  return { key: "hours", values: { h: Math.floor(m / 60), m: m % 60 } };
}
