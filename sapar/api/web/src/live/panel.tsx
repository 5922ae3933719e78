import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Vehicle } from "../data/types";
import { isPointed } from "../domain/look";
import { t } from "../i18n";
import { glyphColour, palettes } from "../map/colours";
import * as state from "../shell/state";
import { Chip } from "./chip";
import { Glyph } from "./glyph";
import { mapCommands } from "./stage";
import { confidenceWords, delayWords, phaseWords, reasonWords, speedWords } from "./words";

/** One vehicle: can its data be trusted, and what is it doing? */
export function Panel() {
  const id = state.selected.value;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Whoever opened the panel by keyboard goes on reading in it.
    if (id !== null && document.activeElement?.matches(".list tr, .hit")) heading.current?.focus();
  }, [id]);
  if (id === null) return null;
  const row = state.selectedRow.value;
  const loading = state.fleet.value === null;
  return (
    <aside class="panel" aria-label={`${t("bus")} ${id}`}>
      <header>
        <h2 tabIndex={-1} ref={heading}>
          {row?.vehicle.label ?? id}
        </h2>
        {row && <Chip id={row.vehicle.route_id} name={row.routeName} />}
        <button
          type="button"
          class="icon close"
          title={`${t("close")} (Esc)`}
          onClick={() => {
            state.selected.value = null;
          }}
        >
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="m3 3 10 10M13 3 3 13" />
          </svg>
          <span class="hidden">{t("close")}</span>
        </button>
      </header>
      {row ? <Facts row={row} /> : !loading && <p>{t("vehicleGone", { id })}</p>}
    </aside>
  );
}

function Facts({ row }: { row: state.Row }) {
  const { vehicle, look, age_s } = row;
  const silent = vehicle.phase === "no_signal";
  const onTrip = vehicle.trip_id !== null;
  const underWay = onTrip && vehicle.phase === "in_progress";
  const colour =
    look.tone === "route"
      ? glyphColour(
          state.network.value.routeById.get(vehicle.route_id ?? "")?.color ?? "",
          palettes[state.theme.value],
        )
      : undefined;
  return (
    <>
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
      {vehicle.headsign && <p class="headsign">{vehicle.headsign}</p>}
      <dl>
        <Fact name={t("fixAge")}>{t("ago", { age: state.spell(age_s) })}</Fact>
        {underWay && <Fact name={t("phase")}>{phaseWords(vehicle.phase)}</Fact>}
        {onTrip && !underWay && !silent && (
          <Fact name={t("delay")}>{delayWords(vehicle.delay_s)}</Fact>
        )}
        {!silent && <Fact name={t("speed")}>{speedWords(vehicle.speed_mps)}</Fact>}
        {onTrip && !silent && <NextStop vehicle={vehicle} />}
        <Fact name={t("trip")}>{onTrip ? <code>{vehicle.trip_id}</code> : t("notAssigned")}</Fact>
        {onTrip && <Fact name={t("confidence")}>{confidenceWords(vehicle.confidence)}</Fact>}
        {vehicle.reason && (
          <Fact name={t(onTrip ? "reason" : "reasonNone")}>
            {reasonWords(vehicle) ?? <span lang="en">{vehicle.reason}</span>}
          </Fact>
        )}
      </dl>
      <button type="button" onClick={() => mapCommands.goTo(vehicle.lon, vehicle.lat)}>
        {t("centre")}
      </button>
    </>
  );
}

function NextStop({ vehicle }: { vehicle: Vehicle }) {
  const { next_stop_id: id, next_stop_time_s: time_s } = vehicle;
  if (id === null) return null;
  return (
    <Fact name={t("nextStop")}>
      {state.network.value.stopById.get(id)?.name ?? id}
      {time_s !== null && <strong class="due">{state.clockText(time_s, false)}</strong>}
    </Fact>
  );
}

function Fact(props: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
