import type { Advice, RouteState } from "../../data/console";
import { writeTo } from "../../desk/acting";
import { Chip } from "../../kit/chip";
import { useResource } from "../../kit/resource";
import { Empty, Loading } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, minutesText, numberText, percentText, spell } from "../../kit/when";
import { may } from "../../shell/me";
import { go } from "../../shell/query";
import * as state from "../../shell/state";
import type { Ladders } from "../ladder/places";
import type { Room } from "../room";
import { allAdvice, cityFigures } from "./figures";
import { t } from "./messages";
import "./room.css";

/** Below this share a route's headways are uneven enough for the strong colour. */
const poor = 0.5;
const fair = 0.75;

type Headsign = (route: RouteState) => string;

function View() {
  const ladders = useResource<Ladders>("/api/dispatch/ladders.json");
  const desk = state.desk.value;
  if (!desk) return <Loading rows={12} />;
  const headsign: Headsign = ({ route_id, direction }) =>
    ladders.data?.routes
      .find((one) => one.route_id === route_id)
      ?.directions.find((one) => one.direction === direction)?.headsign ?? "";
  const city = cityFigures(desk.routes);
  return (
    <section class="page headways">
      <header>
        <h2>{t("title")}</h2>
        <p class="city">
          {t("city", {
            share: percentText(city.regularity),
            wait: city.excess_wait_s === null ? "–" : minutesText(city.excess_wait_s),
          })}
        </p>
      </header>
      <p class="about">{t("about")}</p>
      <div class="halves">
        <Table
          label={t("title")}
          columns={columns(headsign)}
          rows={desk.routes}
          key_of={keyOf}
          onOpen={(route) => openLadder(route.route_id)}
          first={{ column: "excess", down: true }}
          empty={<Empty>{t("none", { time: clockText(desk.time_s) })}</Empty>}
          csv="headways"
          min_px={640}
        />
        <AdviceList routes={desk.routes} time_s={desk.time_s} headsign={headsign} />
      </div>
    </section>
  );
}

function keyOf(route: RouteState): string {
  return `${route.route_id} ${route.direction}`;
}

function openLadder(routeId: string): void {
  go({ room: "ladder" }, { route: routeId, r: routeId });
}

function routeName(id: string): string {
  return state.network.value.routeById.get(id)?.name ?? id;
}

function columns(headsign: Headsign): readonly Column<RouteState>[] {
  return [
    {
      id: "route",
      name: t("route"),
      width: "88px",
      head: true,
      value: ({ route_id }) => routeName(route_id),
      cell: ({ route_id }) => <Chip id={route_id} name={routeName(route_id)} />,
    },
    { id: "direction", name: t("direction"), value: headsign },
    {
      id: "runs",
      name: t("runs"),
      width: "92px",
      number: true,
      value: ({ running }) => running,
      cell: ({ running, planned }) => (
        <span title={t("runsTitle")}>
          {running} / {planned}
        </span>
      ),
    },
    {
      id: "plan",
      name: t("plan"),
      width: "78px",
      number: true,
      value: ({ plan_headway_s }) => plan_headway_s,
      cell: ({ plan_headway_s }) => (plan_headway_s === null ? "–" : minutesText(plan_headway_s)),
    },
    {
      id: "regularity",
      name: t("regularity"),
      width: "138px",
      number: true,
      value: ({ regularity }) => regularity,
      cell: ({ regularity }) => <Share share={regularity} />,
    },
    {
      id: "excess",
      name: t("excess"),
      width: "138px",
      number: true,
      down: true,
      value: ({ excess_wait_s }) => excess_wait_s,
      cell: ({ excess_wait_s }) => (excess_wait_s === null ? "–" : spell(excess_wait_s)),
    },
    {
      id: "bunched",
      name: t("bunched"),
      width: "100px",
      number: true,
      down: true,
      value: ({ bunched }) => bunched,
    },
    {
      id: "gaps",
      name: t("gaps"),
      width: "84px",
      number: true,
      down: true,
      value: ({ gaps }) => gaps,
    },
  ];
}

/** A share as a bar and its number: strong where it is poor, grey where all is well. */
function Share({ share }: { share: number | null }) {
  if (share === null) return <>–</>;
  const tone = share < poor ? "warm2" : share < fair ? "warm1" : "even";
  return (
    <span class={`share tone-${tone}`}>
      <span class="bar" style={{ width: `${Math.round(share * 64)}px` }} />
      <span class="figure">{percentText(share)}</span>
    </span>
  );
}

function adviceWords(advice: Advice): string {
  const bus =
    state.rows.value.find((row) => row.vehicle.id === advice.vehicle_id)?.vehicle.label ??
    advice.vehicle_id;
  const stop = state.network.value.stopById.get(advice.stop_id ?? "")?.name ?? advice.stop_id;
  if (advice.kind === "turn_back") return t("turn", { bus, stop: stop ?? "–" });
  const n = Math.round((advice.seconds ?? 0) / 60);
  return stop === null ? t("holdHere", { bus, n }) : t("hold", { bus, stop, n });
}

function AdviceList(props: { routes: readonly RouteState[]; time_s: number; headsign: Headsign }) {
  const advice = allAdvice(props.routes);
  return (
    <section class="advice" aria-labelledby="advice-title">
      <h3 id="advice-title">{t("adviceTitle")}</h3>
      {advice.length === 0 && (
        <Empty>{t("noAdvice", { n: props.routes.length, time: clockText(props.time_s) })}</Empty>
      )}
      <ul>
        {advice.map(({ route, advice: one }) => (
          <li key={`${keyOf(route)} ${one.kind} ${one.vehicle_id}`}>
            <Chip id={route.route_id} name={routeName(route.route_id)} />
            <p>
              {adviceWords(one)}
              <span class="gain">{t("gain", { n: numberText(one.gain_s) })}</span>
            </p>
            <span class="buttons">
              <button type="button" onClick={() => openLadder(route.route_id)}>
                {t("ladder")}
              </button>
              {may("dispatcher") && (
                <button type="button" onClick={() => writeTo({ vehicle_id: one.vehicle_id })}>
                  {t("message")}
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const room: Room = { View };
