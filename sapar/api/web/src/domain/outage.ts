/** Decides whether the page must say that what it shows is not the present. */

export type Outage =
  | { readonly kind: "server" }
  | { readonly kind: "link"; readonly age_s: number }
  | { readonly kind: "fixes"; readonly old: number; readonly total: number };

export const outageLimits = {
  /** The newest state may be this old, in wall seconds. */
  link_s: 5,
  /** A vehicle counts as silent after this many seconds (mbta/skate's data status). */
  silent_s: 150,
  /** Below so many vehicles a share says nothing. */
  vehicles: 20,
  share: 0.2,
} as const;

/**
 * @param reachable whether the last requests were answered
 * @param link_s age of the newest state in wall seconds, null before the first
 * @param ages_s ages of the fixes of all vehicles that should be heard
 */
export function outageOf(
  reachable: boolean,
  link_s: number | null,
  ages_s: readonly number[],
): Outage | null {
  if (!reachable) return { kind: "server" };
  if (link_s !== null && link_s > outageLimits.link_s) return { kind: "link", age_s: link_s };
  const old = ages_s.filter((age) => age > outageLimits.silent_s).length;
  if (ages_s.length >= outageLimits.vehicles && old >= outageLimits.share * ages_s.length) {
    return { kind: "fixes", old, total: ages_s.length };
  }
  return null;
}
