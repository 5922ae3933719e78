/** The bus on the map: its line, its stops, how old its place is. Drawn here, with no tiles. */
import { useEffect, useRef, useState } from "preact/hooks";
import { hrefOf, query } from "../address";
import { ask, Failure } from "../api";
import { boot } from "../boot";
import { Crowd, Loading, Notice, Title } from "../parts";
import { here } from "../place";
import { ageText, clockText, routeName, waitText } from "../say";
import { visible, wall_ms } from "../ticker";
import { cityNow, waitOf } from "../times";
import type { Call, Line, Ride } from "../types";
import { t } from "../words";
import { around, type Box, boxOf, flat, moved, pathOf, zoomed } from "./drawing";

const every_ms = 5000;

interface Known {
  readonly ride: Ride;
  readonly got_ms: number;
}

export function BusView({ trip }: { trip: string }) {
  const asked = query.value;
  const vehicle = asked.get("vehicle") ?? "";
  const stop = asked.get("stop") ?? "";
  const [line, setLine] = useState<Line | null>(null);
  const [known, setKnown] = useState<Known | null>(null);
  const [wrong, setWrong] = useState<Failure | null>(null);
  const looking = visible.value;

  useEffect(() => {
    const fail = (error: unknown) => error instanceof Failure && setWrong(error);
    ask<Line>(`/api/rider/trips/${encodeURIComponent(trip)}`).then(setLine, fail);
  }, [trip]);
  useEffect(() => {
    if (!looking) return;
    let over = false;
    const look = () =>
      ask<Ride>(`/api/rider/rides/${encodeURIComponent(trip)}`, { vehicle_id: vehicle }).then(
        (ride) => {
          if (over) return;
          setKnown({ ride, got_ms: Date.now() });
          setWrong(null);
        },
        (error: unknown) => {
          if (!over && error instanceof Failure) setWrong(error);
        },
      );
    void look();
    const timer = setInterval(() => void look(), every_ms);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [trip, vehicle, looking]);

  if (!line)
    return wrong ? (
      <Notice urgent>{t("failed", { why: wrong.words })}</Notice>
    ) : (
      <Loading rows={5} />
    );
  const route = routeName(line.route);
  return (
    <>
      <Title>{t("busTitle", { route, headsign: line.headsign })}</Title>
      {wrong && <Notice urgent>{t("failed", { why: wrong.words })}</Notice>}
      {known ? <Age known={known} /> : <Loading rows={1} />}
      <Drawing line={line} ride={known?.ride ?? null} stop={stop} />
      {known && <Ahead line={line} known={known} stop={stop} />}
    </>
  );
}

const nowOf = ({ ride, got_ms }: Known) => cityNow(ride.time_s, got_ms, wall_ms.value, boot.rate);

function Age({ known }: { known: Known }) {
  const { bus } = known.ride;
  if (!bus?.on_this_trip) return <Notice>{t("busNone")}</Notice>;
  if (bus.stale) return <Notice urgent>{t("busSilent", { time: clockText(bus.time_s) })}</Notice>;
  return (
    <p class="quiet">
      {t("busAge", { age: ageText(nowOf(known) - bus.time_s) })} <Crowd occupancy={bus.occupancy} />
    </p>
  );
}

function Drawing({ line, ride, stop }: { line: Line; ride: Ride | null; stop: string }) {
  const whole = boxOf(line.line.map(flat));
  const [box, setBox] = useState<Box | null>(null);
  const held = useRef<{ readonly x: number; readonly y: number } | null>(null);
  const bus = ride?.bus?.on_this_trip ? ride.bus : null;
  const at = bus ? flat([bus.lat, bus.lon]) : null;
  const mine = line.stops.find((one) => one.id === stop);
  const first = around([at, mine ? flat([mine.lat, mine.lon]) : null], whole);
  const shown = box ?? first;
  const unit = shown.size / 100;
  return (
    <div class="map">
      <svg
        role="img"
        aria-label={t("busMap", { route: routeName(line.route) })}
        viewBox={`${shown.x - shown.size / 2} ${shown.y - shown.size / 2} ${shown.size} ${shown.size}`}
        onPointerDown={(event) => {
          held.current = { x: event.clientX, y: event.clientY };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (!held.current) return;
          const pixels = event.currentTarget.clientWidth;
          setBox(moved(shown, held.current, { x: event.clientX, y: event.clientY }, pixels));
          held.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerUp={() => {
          held.current = null;
        }}
        onPointerCancel={() => {
          held.current = null;
        }}
      >
        <path class="line" d={pathOf(line.line.map(flat))} stroke-width={unit * 1.6} />
        {line.stops.map((one) => {
          const { x, y } = flat([one.lat, one.lon]);
          return (
            <circle
              key={one.id}
              class={one.id === stop ? "stop mine" : "stop"}
              cx={x}
              cy={y}
              r={unit * (one.id === stop ? 2.2 : 1.1)}
              stroke-width={unit * 0.6}
            />
          );
        })}
        {mine && (
          <text
            x={flat([mine.lat, mine.lon]).x}
            y={flat([mine.lat, mine.lon]).y - unit * 3.4}
            font-size={unit * 4.2}
            stroke-width={unit}
          >
            {mine.name}
          </text>
        )}
        {here.value && (
          <circle
            class="you"
            cx={flat([here.value.lat, here.value.lon]).x}
            cy={flat([here.value.lat, here.value.lon]).y}
            r={unit * 1.6}
          />
        )}
        {at && bus && (
          <g
            class={bus.stale ? "bus hollow" : "bus"}
            transform={`translate(${at.x} ${at.y}) rotate(${bus.bearing ?? 0}) scale(${unit})`}
          >
            {bus.bearing === null ? (
              <circle r="3" />
            ) : (
              <path d="M0 -4.4 L3.2 3.4 L0 1.8 L-3.2 3.4 Z" />
            )}
          </g>
        )}
      </svg>
      <div class="buttons">
        <button type="button" onClick={() => setBox(zoomed(shown, 0.5, whole))}>
          {t("zoomIn")}
        </button>
        <button type="button" onClick={() => setBox(zoomed(shown, 2, whole))}>
          {t("zoomOut")}
        </button>
        <button type="button" onClick={() => setBox(whole)}>
          {t("wholeLine")}
        </button>
        {at && (
          <button type="button" onClick={() => setBox({ ...shown, x: at.x, y: at.y })}>
            {t("toBus")}
          </button>
        )}
      </div>
    </div>
  );
}

function Ahead({ line, known, stop }: { line: Line; known: Known; stop: string }) {
  if (known.ride.calls.length === 0) return null;
  const names = new Map(line.stops.map((one) => [one.id, one.name]));
  return (
    <section>
      <h2>{t("stopsAhead")}</h2>
      <ul class="ahead">
        {known.ride.calls.map((call) => (
          <li key={`${call.stop_id} ${call.arrival_s}`} class={call.stop_id === stop ? "mine" : ""}>
            <a href={hrefOf("stop", call.stop_id)}>{names.get(call.stop_id) ?? call.stop_id}</a>
            <b>{waitText(waitOf(call as unknown as Call, nowOf(known)))}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
