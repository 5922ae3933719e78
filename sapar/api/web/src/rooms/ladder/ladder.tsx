import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { PlacedBus } from "../../data/console";
import { t as say } from "../../i18n";
import { Chip } from "../../kit/chip";
import { IconButton } from "../../kit/icon";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import { isTurned, shownRoutes, showRoute, turn } from "./choice";
import { t } from "./messages";
import { type LadderDirection, type Ladders, type Rail, railOf } from "./places";
import { RailView } from "./rail";

const narrow_px = 440;
const widest_px = 760;
const head_px = 26;
const row_px = 20;

/** The rails of a route: what goes down on the left, what comes back up on the right. */
export function railsOf(
  directions: readonly LadderDirection[],
  routeId: string,
  turnedRound: boolean,
): readonly Rail[] {
  const { buses, ghosts } = state.deskNow.value;
  const rows = new Map(state.rows.value.map((row) => [row.vehicle.id, row.vehicle]));
  const mine = buses.filter((bus) => bus.route_id === routeId);
  const missing = ghosts.filter((ghost) => ghost.route_id === routeId);
  const waits = (bus: PlacedBus): boolean =>
    rows.get(bus.id)?.phase === "layover" || bus.prev_stop_id === null;
  const known = new Set(directions.map((one) => one.direction));
  const made = directions.slice(0, 2).map((direction, index) => {
    const here = (of: number | null): boolean =>
      of === direction.direction || (index === 0 && (of === null || !known.has(of)));
    return railOf(
      direction,
      mine.filter((bus) => here(bus.direction)),
      missing.filter((ghost) => here(ghost.direction)),
      waits,
    );
  });
  return turnedRound ? made.reverse() : made;
}

/** One route: two rails with everything that should be on them. */
export function Ladder({ routeId, ladders }: { routeId: string; ladders: Ladders }) {
  const route = state.network.value.routeById.get(routeId);
  const line = ladders.routes.find((one) => one.route_id === routeId);
  const name = route?.name ?? routeId;
  return (
    <section class="ladder" aria-label={t("ladderOf", { route: name })}>
      <Head routeId={routeId} name={name} />
      {line && line.directions.length > 0 ? (
        <Rails routeId={routeId} directions={line.directions} />
      ) : (
        <p class="empty">{t("noLine")}</p>
      )}
    </section>
  );
}

function Head({ routeId, name }: { routeId: string; name: string }) {
  const parts = state.deskNow.value.routes.filter((one) => one.route_id === routeId);
  const running = parts.reduce((sum, one) => sum + one.running, 0);
  const planned = parts.reduce((sum, one) => sum + one.planned, 0);
  const plan_s = parts.find((one) => one.plan_headway_s !== null)?.plan_headway_s ?? null;
  return (
    <header>
      <h3>
        <Chip id={routeId} name={name} />
      </h3>
      <span title={t("runsTitle")}>{t("runs", { running, planned })}</span>
      {plan_s !== null && <span>{t("planHeadway", { n: Math.round(plan_s / 60) })}</span>}
      <span class="buttons">
        <IconButton icon="flip" title={t("flip", { route: name })} onClick={() => turn(routeId)} />
        {shownRoutes.value.length > 1 && (
          <IconButton
            icon="close"
            bare
            title={t("remove", { route: name })}
            onClick={() => showRoute(routeId, false)}
          />
        )}
      </span>
    </header>
  );
}

function Rails(props: { routeId: string; directions: readonly LadderDirection[] }) {
  const { routeId, directions } = props;
  const place = useRef<HTMLDivElement>(null);
  const room_px = useSignal(520);
  const width_px = useSignal(narrow_px);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      room_px.value = element.clientHeight;
      width_px.value = Math.max(narrow_px, Math.min(widest_px, element.clientWidth - 4));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const rails = railsOf(directions, routeId, isTurned(routeId));
  const most = Math.max(...rails.map((rail) => rail.direction.stops.length));
  // A ladder fits the screen as long as its rows stay readable, then it scrolls.
  const height_px = Math.max(room_px.value - 2 * head_px, (most - 1) * row_px, 300);
  const asked = rails.reduce((sum, rail) => sum + rail.buses.length + rail.waiting.length, 0);
  const time_s = state.cityTime.value;
  const planned = state.deskNow.value.routes
    .filter((one) => one.route_id === routeId)
    .reduce((sum, one) => sum + one.planned, 0);
  return (
    <>
      {asked === 0 && time_s !== null && (
        <p class="nobody" role="status">
          {t("nobody", { time: clockText(time_s), n: planned })}
        </p>
      )}
      <Waiting rails={rails} end="top" />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no wheel scrolls it by keys */}
      <div class="rails" ref={place} tabIndex={0}>
        <svg
          width={width_px.value}
          height={height_px + 2 * head_px}
          role="group"
          aria-label={t("ladderOf", { route: routeId })}
        >
          {rails.map((rail, index) => (
            <RailView
              key={rail.direction.direction}
              rail={rail}
              side={index === 0 ? "left" : "right"}
              top_px={head_px}
              height_px={height_px}
              width_px={width_px.value}
            />
          ))}
        </svg>
      </div>
      <Waiting rails={rails} end="bottom" />
    </>
  );
}

/** The buses that wait at the ends: at the top those that will go down, below those that come up. */
function Waiting({ rails, end }: { rails: readonly Rail[]; end: "top" | "bottom" }) {
  const rail = end === "top" ? rails[0] : rails[1];
  if (!rail) return null;
  return (
    <div class={`layover at-${end}`}>
      <span class="headsign" title={rail.direction.headsign}>
        {rail.direction.headsign}
      </span>
      {rail.waiting.length > 0 && <span class="word">{t("waiting")}</span>}
      {rail.waiting.slice(0, 6).map((bus) => (
        <button
          type="button"
          key={bus.id}
          aria-pressed={state.selectedBus.value === bus.id}
          title={`${say("bus")} ${bus.id}`}
          onClick={() => state.select({ bus: bus.id })}
        >
          {t("leaves", { bus: bus.id, time: clockText(bus.start_s, false) })}
        </button>
      ))}
      {rail.elsewhere.length > 0 && (
        <span class="word">
          {t("elsewhere")}: {rail.elsewhere.map((bus) => bus.id).join(", ")}
        </span>
      )}
    </div>
  );
}
