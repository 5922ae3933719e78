/** The page's state, as signals; every room reads and writes here and nowhere else. */
import { computed, signal } from "@preact/signals";
import { ageNow, firstLink, type Link } from "../data/link";
import { emptyNetwork } from "../data/network";
import type { AgencyInfo, Deployment, Fleet, Network, Phase, Vehicle } from "../data/types";
import { duration } from "../domain/age";
import { isAtWork, type Look, lookOf, type Question } from "../domain/look";
import { naturalOrder } from "../domain/order";
import { type Outage, outageOf } from "../domain/outage";
import { language, t } from "../i18n";
import { readAddress, type View } from "./address";

const address = readAddress(location.pathname, location.search);

export const deployment = signal<Deployment | null>(null);
export const agencyId = signal<string | null>(address.agency);
export const network = signal<Network>(emptyNetwork);
/** "loading", "ready", or the code of the error that kept the network away. */
export const networkState = signal<string>("loading");
export const fleet = signal<Fleet | null>(null);
export const link = signal<Link>(firstLink);
/** Monotonic milliseconds, moved once a second: what ages are computed with. */
export const ticker = signal(performance.now());

export const selected = signal<string | null>(address.bus);
export const question = signal<Question>(address.question);
export const listShown = signal(address.list);
export const exceptionsOnly = signal(address.exceptions);
/** Routes that are switched off; "" stands for vehicles without a route. */
export const hidden = signal<ReadonlySet<string>>(new Set(address.hidden));
/** States that are switched off. */
export const hiddenPhases = signal<ReadonlySet<Phase>>(new Set(address.hiddenPhases));
export const view = signal<View | null>(address.at);
export const theme = signal<"dark" | "light">("dark");
export const helpShown = signal(false);
export const routesShown = signal(false);
export const lettersOn = signal(true);
export const webglMissing = signal(false);

export const agency = computed<AgencyInfo | null>(
  () => deployment.value?.agencies.find((one) => one.agency_id === agencyId.value) ?? null,
);
export const rate = computed(() => deployment.value?.rate ?? 1);

/** Age of the newest state in wall seconds, or null before the first. */
export const linkAge = computed(() => ageNow(link.value, ticker.value));

/** The city's time in Unix seconds. It stands still when the state is old: the page knows no more. */
export const cityTime = computed<number | null>(() => {
  const state = fleet.value;
  if (!state) return null;
  return state.time_s + Math.min(linkAge.value ?? 0, 5) * rate.value;
});

/** Age of a fix in seconds of the city's time; it grows also while no data comes. */
export function fixAge(vehicle: Vehicle): number {
  const state = fleet.value;
  if (!state) return 0;
  return Math.max(0, state.time_s + (linkAge.value ?? 0) * rate.value - vehicle.time_s);
}

export interface Row {
  readonly vehicle: Vehicle;
  readonly look: Look;
  readonly age_s: number;
  readonly routeName: string;
}

/** All vehicles with their looks, in the order of routes and numbers. */
export const rows = computed<readonly Row[]>(() => {
  const known = network.value.routeById;
  const made = (fleet.value?.vehicles ?? []).map((vehicle) => {
    const age_s = fixAge(vehicle);
    const routeName =
      vehicle.route_id === null ? "" : (known.get(vehicle.route_id)?.name ?? vehicle.route_id);
    return { vehicle, age_s, routeName, look: lookOf(vehicle, age_s, question.value) };
  });
  return made.sort(
    (a, b) =>
      Number(a.routeName === "") - Number(b.routeName === "") ||
      naturalOrder(a.routeName, b.routeName) ||
      naturalOrder(a.vehicle.id, b.vehicle.id),
  );
});

/** The vehicles that the filters leave. */
export const shownRows = computed<readonly Row[]>(() =>
  rows.value.filter(
    ({ vehicle, look }) =>
      vehicle.id === selected.value ||
      (!hidden.value.has(vehicle.route_id ?? "") &&
        !hiddenPhases.value.has(vehicle.phase) &&
        (!exceptionsOnly.value || look.exception)),
  ),
);

/** Whether a row can be on the map: a fix over five minutes old says no more where the vehicle is. */
export function isOnMap({ look, vehicle }: Row): boolean {
  return look.age !== "gone" || vehicle.id === selected.value;
}

export const selectedRow = computed<Row | null>(
  () => rows.value.find((row) => row.vehicle.id === selected.value) ?? null,
);

/** What the outage banner says, or null. */
export const outage = computed<Outage | null>(() => {
  const working = rows.value.filter(({ vehicle }) => isAtWork(vehicle.phase));
  return outageOf(
    link.value.reachable,
    linkAge.value,
    working.map((row) => row.age_s),
  );
});

/** Whether motion stops and live acts are off: the state shown is not the present. */
export const frozen = computed(() => outage.value !== null && outage.value.kind !== "fixes");

/** A duration in words of the page's language. */
export function spell(seconds: number): string {
  const said = duration(seconds);
  return t(said.key, said.values);
}

/** A moment as a clock in the city shows it. */
export function clockText(unix_s: number, seconds = true): string {
  return new Intl.DateTimeFormat(language.value === "en" ? "en-GB" : language.value, {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
    hourCycle: "h23",
    timeZone: agency.value?.timezone ?? "UTC",
  }).format(unix_s * 1000);
}
