/** What all rooms share, as signals: the city, its live state, the selection. */
import { batch, computed, type Signal, signal } from "@preact/signals";
import {
  type Console,
  type DeskList,
  deskLists,
  emptyConsole,
  type PlacedBus,
} from "../data/console";
import { ageNow, firstLink, type Link } from "../data/link";
import { emptyNetwork } from "../data/network";
import type { AgencyInfo, Deployment, Fleet, Network, Vehicle } from "../data/types";
import { isAtWork, type Look, lookOf, type Question, questions } from "../domain/look";
import { keptOrder } from "../domain/order";
import { type Outage, outageOf } from "../domain/outage";
import type { Headway } from "../domain/spacing";
import { choiceParam, place, textParam } from "./query";

export const deployment = signal<Deployment | null>(null);
/** The city on the screen; null until the deployment has said which is the default. */
export const agencyId = computed<string | null>(
  () => place.value.agency ?? deployment.value?.default ?? null,
);
export const network = signal<Network>(emptyNetwork);
/** "loading", "ready", or the code of the error that kept the network away. */
export const networkState = signal<string>("loading");
export const fleet = signal<Fleet | null>(null);
/** The console's part of the newest tick; null until one has come. */
export const desk = signal<Console | null>(null);
/** Moved on whenever a list of the desk has changed: whoever shows the list fetches it again. */
export const changes = Object.fromEntries(deskLists.map((name) => [name, signal(0)])) as Readonly<
  Record<DeskList, Signal<number>>
>;
/** The live state, also while a replay fills the two above: alarms of now ring, whatever is shown. */
export const live = signal<{ readonly fleet: Fleet | null; readonly desk: Console | null }>({
  fleet: null,
  desk: null,
});
/** While true the live link fills nothing: the replay fills `fleet` and `desk` with the past. */
export const replaying = signal(false);
export const link = signal<Link>(firstLink);
/** Monotonic milliseconds, moved once a second: what ages are computed with. */
export const ticker = signal(performance.now());

/** The selection: the same in every room. */
export const selectedBus = textParam("bus", null);
/** A run without a bus, by its trip. */
export const selectedTrip = textParam("trip", null);
export const selectedRoute = textParam("route", null);
export const selectedStop = textParam("stop", null);
/** The one question that colours answer, wherever buses are drawn. */
export const question = choiceParam<Question>("colour", null, questions);
export const theme = signal<"dark" | "light">("dark");
export const helpShown = signal(false);
export const menuShown = signal(false);
export const lettersOn = signal(true);

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
  return state.time_s + (replaying.value ? 0 : Math.min(linkAge.value ?? 0, 5) * rate.value);
});

/** Whole seconds that the state is behind, once that is worth telling: ages grow by them. */
const lag_s = computed(() => {
  const age_s = linkAge.value ?? 0;
  return age_s < 2 ? 0 : Math.floor(age_s);
});

/** Age of a fix in seconds of the city's time; it grows also while no data comes. */
export function fixAge(vehicle: Vehicle): number {
  const state = fleet.value;
  if (!state) return 0;
  return Math.max(0, state.time_s + lag_s.value * rate.value - vehicle.time_s);
}

export interface Row {
  readonly vehicle: Vehicle;
  readonly look: Look;
  readonly age_s: number;
  readonly routeName: string;
  /** To the bus ahead, and by the plan; null where that is not known. */
  readonly headway: Headway | null;
}

/** The runs on their lines, by their bus. */
export const placed = computed<ReadonlyMap<string, PlacedBus>>(
  () => new Map((desk.value?.buses ?? []).map((bus) => [bus.id, bus])),
);

function headwayOf(bus: PlacedBus | undefined): Headway | null {
  if (!bus || bus.headway_s === null || !bus.plan_headway_s) return null;
  return { headway_s: bus.headway_s, plan_s: bus.plan_headway_s };
}

const inOrder = keptOrder();

/** All vehicles with their looks, in the order of routes and numbers. */
export const rows = computed<readonly Row[]>(() => {
  const known = network.value.routeById;
  const places = placed.value;
  const vehicles = fleet.value?.vehicles ?? [];
  const asked = question.value;
  const names = vehicles.map(({ route_id }) =>
    route_id === null ? "" : (known.get(route_id)?.name ?? route_id),
  );
  const order = inOrder(
    names,
    vehicles.map(({ id }) => id),
  );
  return order.flatMap((index) => {
    const vehicle = vehicles[index];
    if (!vehicle) return [];
    const age_s = fixAge(vehicle);
    const headway = headwayOf(places.get(vehicle.id));
    const look = lookOf(vehicle, age_s, asked, headway);
    return { vehicle, age_s, routeName: names[index] ?? "", look, headway };
  });
});

export const selectedRow = computed<Row | null>(
  () => rows.value.find((row) => row.vehicle.id === selectedBus.value) ?? null,
);

/** Selects a bus or a run without one; the one ends the other. Nothing: takes the selection away. */
export function select(what: { bus?: string; trip?: string } = {}): void {
  batch(() => {
    selectedBus.value = what.bus ?? null;
    selectedTrip.value = what.trip ?? null;
  });
}

/** The console's state, or an empty one. */
export const deskNow = computed<Console>(() => desk.value ?? emptyConsole);

/** What the outage banner says, or null. */
export const outage = computed<Outage | null>(() => {
  const working = rows.value.filter(({ vehicle }) => isAtWork(vehicle.phase));
  return outageOf(
    link.value.reachable,
    linkAge.value,
    replaying.value ? [] : working.map((row) => row.age_s),
  );
});

/** Whether motion stops and live acts are off: the state shown is not the present. */
export const frozen = computed(
  () => !replaying.value && outage.value !== null && outage.value.kind !== "fixes",
);
