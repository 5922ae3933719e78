import { useEffect, useRef } from "preact/hooks";
import type { PlacedBus } from "../data/console";
import type { Vehicle } from "../data/types";
import { openAct, writeTo } from "../desk/acting";
import { ActButtons } from "../desk/buttons";
import { isPointed, loadNow } from "../domain/look";
import { t } from "../i18n";
import { Chip } from "../kit/chip";
import { Glyph } from "../kit/glyph";
import { Mark } from "../kit/mark";
import { whyFrozen } from "../kit/states";
import { clockText, spell } from "../kit/when";
import { glyphColour, palettes } from "../map/colours";
import { mapCommands } from "../map/commands";
import { alarms } from "../shell/alarms";
import { may } from "../shell/me";
import { go } from "../shell/query";
import * as state from "../shell/state";
import { Load } from "./load";
import { ClosePanel, Fact } from "./panel";
import { trail, trailShown } from "./trail";
import { confidenceWords, delayWords, phaseWords, reasonWords, speedWords } from "./words";

/** One vehicle: can its data be trusted, and what is it doing? */
export function BusPanel({ id }: { id: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Whoever opened the panel by keyboard goes on reading in it.
    if (document.activeElement?.matches(".map-room .table tr, .hit")) heading.current?.focus();
  }, [id]);
  const row = state.selectedRow.value;
  const loading = state.fleet.value === null;
  return (
    <aside class="panel" aria-label={`${t("bus")} ${id}`}>
      <header>
        <h2 tabIndex={-1} ref={heading}>
          {row?.vehicle.label ?? id}
        </h2>
        {row && <Chip id={row.vehicle.route_id} name={row.routeName} />}
        <ClosePanel />
      </header>
      {row ? <Facts row={row} /> : !loading && <p>{t("vehicleGone", { id })}</p>}
    </aside>
  );
}

function Facts({ row }: { row: state.Row }) {
  const { vehicle, age_s } = row;
  const silent = vehicle.phase === "no_signal";
  const onTrip = vehicle.trip_id !== null;
  const underWay = onTrip && vehicle.phase === "in_progress";
  const run = state.placed.value.get(vehicle.id);
  return (
    <>
      <Standing row={row} underWay={underWay} />
      {vehicle.headsign && <p class="headsign">{vehicle.headsign}</p>}
      <Alarms id={vehicle.id} />
      <dl>
        <Fact name={t("fixAge")}>{t("ago", { age: spell(age_s) })}</Fact>
        {underWay && <Fact name={t("phase")}>{phaseWords(vehicle.phase)}</Fact>}
        {onTrip && !underWay && !silent && (
          <Fact name={t("delay")}>{delayWords(vehicle.delay_s)}</Fact>
        )}
        {!silent && <Fact name={t("speed")}>{speedWords(vehicle.speed_mps)}</Fact>}
        {onTrip && !silent && <NextStop vehicle={vehicle} />}
        {run && <Neighbours run={run} />}
        {!silent && (
          <Fact name={t("questionLoad")}>
            <Load percent={loadNow(vehicle)} />
          </Fact>
        )}
        <Fact name={t("trip")}>{onTrip ? <code>{vehicle.trip_id}</code> : t("notAssigned")}</Fact>
        {run?.block_id && (
          <Fact name={t("block")}>
            <code>{run.block_id}</code>
          </Fact>
        )}
        {vehicle.driver_id && (
          <Fact name={t("driver")}>
            <code>{vehicle.driver_id}</code>
          </Fact>
        )}
        {vehicle.depot && (
          <Fact name={t("depot")}>
            <code>{vehicle.depot}</code>
          </Fact>
        )}
        {onTrip && <Fact name={t("confidence")}>{confidenceWords(vehicle.confidence)}</Fact>}
        {vehicle.reason && (
          <Fact name={t(onTrip ? "reason" : "reasonNone")}>
            {reasonWords(vehicle) ?? <span lang="en">{vehicle.reason}</span>}
          </Fact>
        )}
      </dl>
      <Buttons vehicle={vehicle} />
    </>
  );
}

function Standing({ row, underWay }: { row: state.Row; underWay: boolean }) {
  const { vehicle, look } = row;
  const route = state.network.value.routeById.get(vehicle.route_id ?? "");
  const colour =
    look.tone === "route" ? glyphColour(route?.color ?? "", palettes[state.theme.value]) : null;
  return (
    <p class="standing">
      <Glyph
        shape={look.shape}
        tone={look.tone}
        hollow={look.hollow}
        turn={isPointed(look.shape) ? (vehicle.bearing ?? 0) : 0}
        {...(colour ? { colour } : {})}
      />
      <strong>{underWay ? delayWords(vehicle.delay_s) : phaseWords(vehicle.phase)}</strong>
    </p>
  );
}

/** What stands against this bus; a press opens it in the list. */
function Alarms({ id }: { id: string }) {
  const mine = alarms.value.filter((row) => row.vehicle_id === id);
  if (mine.length === 0) return null;
  return (
    <ul class="alarms" aria-label={t("alarmsOf")}>
      {mine.map((row) => (
        <li key={row.key}>
          <button type="button" onClick={() => go({ room: "exceptions" }, { alarm: row.key })}>
            <Mark priority={row.priority} />
            {t(`alarm_${row.kind}`)}
            <span class="count">{clockText(row.since_s, false)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function busName(id: string): string {
  return state.rows.value.find((row) => row.vehicle.id === id)?.vehicle.label ?? id;
}

/** The buses ahead and behind on the line, with their distance in minutes. */
function Neighbours({ run }: { run: PlacedBus }) {
  const behind = [...state.placed.value.values()].find((one) => one.ahead_id === run.id);
  const plan_s = run.plan_headway_s ?? behind?.plan_headway_s ?? null;
  return (
    <>
      {run.ahead_id !== null && run.headway_s !== null && (
        <Fact name={t("ahead")}>
          <Neighbour id={run.ahead_id} headway_s={run.headway_s} />
          {plan_s !== null && (
            <span class="plan-note">{t("planIs", { n: Math.round(plan_s / 60) })}</span>
          )}
        </Fact>
      )}
      {behind?.headway_s != null && (
        <Fact name={t("behind")}>
          <Neighbour id={behind.id} headway_s={behind.headway_s} />
        </Fact>
      )}
    </>
  );
}

function Neighbour({ id, headway_s }: { id: string; headway_s: number }) {
  return (
    <button type="button" class="inline" onClick={() => state.select({ bus: id })}>
      {t("headwayTo", { bus: busName(id), n: Math.round(headway_s / 60) })}
    </button>
  );
}

function NextStop({ vehicle }: { vehicle: Vehicle }) {
  const { next_stop_id: id, next_stop_time_s: time_s } = vehicle;
  if (id === null) return null;
  return (
    <Fact name={t("nextStop")}>
      {state.network.value.stopById.get(id)?.name ?? id}
      {time_s !== null && <strong class="due">{clockText(time_s, false)}</strong>}
    </Fact>
  );
}

function Buttons({ vehicle }: { vehicle: Vehicle }) {
  const why = whyFrozen();
  return (
    <div class="buttons">
      <button
        type="button"
        onClick={() => {
          go({ room: "map" }, { view: null });
          mapCommands.goTo(vehicle.lon, vehicle.lat);
        }}
      >
        {t("centre")}
      </button>
      <button
        type="button"
        aria-pressed={trailShown.value}
        title="T"
        onClick={() => {
          trailShown.value = !trailShown.value;
        }}
      >
        {trail.value && trailShown.value
          ? t("trailOf", { n: trail.value.points.length })
          : t("trail")}
      </button>
      {vehicle.route_id !== null && (
        <button
          type="button"
          onClick={() => go({ room: "ladder" }, { r: vehicle.route_id, bus: vehicle.id })}
        >
          {t("onLadder")}
        </button>
      )}
      {may("dispatcher") && (
        <>
          <button type="button" title="M" onClick={() => writeTo({ vehicle_id: vehicle.id })}>
            {t("message")}
          </button>
          <button
            type="button"
            disabled={why !== null}
            title={why ?? undefined}
            onClick={() => openAct({ kind: "swap", vehicle_id: vehicle.id })}
          >
            {t("changeTrip")}
          </button>
          <ActButtons
            vehicle_id={vehicle.id}
            route_id={vehicle.route_id}
            trip_id={vehicle.trip_id}
          />
        </>
      )}
    </div>
  );
}
