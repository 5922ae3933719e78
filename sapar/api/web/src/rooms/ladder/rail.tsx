import type { Ghost } from "../../data/console";
import { signedMinutes } from "../../domain/adherence";
import { delayNow, isPointed, type Tone } from "../../domain/look";
import { clockText } from "../../kit/when";
import { glyphColour, palettes } from "../../map/colours";
import { glyphPath } from "../../map/glyphs";
import * as state from "../../shell/state";
import { delayWords } from "../../vehicle/words";
import { t } from "./messages";
import {
  type Bracket,
  type BusOnRail,
  bracketsOf,
  type GhostOnRail,
  namedStops,
  type Rail,
  spread,
} from "./places";

const label_px = 17;
const letter_px = 7.4;
/** From this width on there is room for words beside the numbers. */
const wide_px = 600;

/** Where things stand across a ladder, from its left edge; the right rail mirrors the left. */
interface Across {
  readonly bracket: number;
  readonly label: number;
  readonly rail: number;
  readonly plan: number;
  readonly name: number;
}

interface Sides {
  readonly x: (at: number) => number;
  readonly anchor: "start" | "end";
  readonly other: "start" | "end";
  /** +1 where x grows towards the middle. */
  readonly inward: 1 | -1;
  readonly across: Across;
  readonly wide: boolean;
  /** Letters of a stop's name that have room. */
  readonly letters: number;
}

function sidesOf(side: "left" | "right", width_px: number): Sides {
  const wide = width_px >= wide_px;
  const rail = wide ? 206 : 116;
  const across = { bracket: 10, label: rail - 20, rail, plan: rail + 13, name: rail + 22 };
  const letters = Math.floor((width_px / 2 - across.name - 8) / letter_px);
  return side === "left"
    ? { x: (at) => at, anchor: "end", other: "start", inward: 1, across, wide, letters }
    : {
        x: (at) => width_px - at,
        anchor: "start",
        other: "end",
        inward: -1,
        across,
        wide,
        letters,
      };
}

/** One direction: its line with the stops, and on it what drives, what is missing, and the spaces. */
export function RailView(props: {
  rail: Rail;
  side: "left" | "right";
  top_px: number;
  height_px: number;
  width_px: number;
}) {
  const { rail, side, top_px, height_px } = props;
  const sides = sidesOf(side, props.width_px);
  const { across } = sides;
  const last = Math.max(1, rail.direction.stops.length - 1);
  const step_px = height_px / last;
  // The left rail goes down, the right one comes back up.
  const y = (at: number): number =>
    top_px + (side === "left" ? at * step_px : (last - at) * step_px);
  const things = [...rail.buses, ...rail.ghosts];
  const labels = spread(
    things.map((one) => y(one.at)),
    label_px,
    top_px,
    top_px + height_px,
  );
  const labelOf = new Map(things.map((one, index) => [one, labels[index] ?? 0]));
  const selected = state.selectedBus.value;
  const inOrder = [...rail.buses].sort(
    (a, b) => Number(a.bus.id === selected) - Number(b.bus.id === selected),
  );
  return (
    <g
      class={`rail is-${side}`}
      role="group"
      aria-label={t("rail", { headsign: rail.direction.headsign, n: rail.buses.length })}
    >
      <line
        class="line"
        x1={sides.x(across.rail)}
        x2={sides.x(across.rail)}
        y1={y(0)}
        y2={y(last)}
      />
      <Stops rail={rail} sides={sides} y={y} step_px={step_px} />
      {bracketsOf(rail).map((bracket) => (
        <BracketView key={bracket.behind.bus.id} bracket={bracket} sides={sides} y={y} />
      ))}
      {rail.ghosts.map((one) => (
        <GhostView
          key={one.ghost.trip_id}
          one={one}
          sides={sides}
          y={y(one.at)}
          label_y={labelOf.get(one) ?? 0}
        />
      ))}
      {inOrder.map((one) => (
        <BusView
          key={one.bus.id}
          one={one}
          sides={sides}
          y={y}
          down={side === "left"}
          label_y={labelOf.get(one) ?? 0}
        />
      ))}
    </g>
  );
}

function Stops(props: { rail: Rail; sides: Sides; y: (at: number) => number; step_px: number }) {
  const { rail, sides, y } = props;
  const { across, letters } = sides;
  const { stops } = rail.direction;
  const named = namedStops(stops.length, props.step_px, 15);
  const chosen = state.selectedStop.value;
  return (
    <g class="stops">
      {stops.map(({ stop_id }, index) => {
        const name = state.network.value.stopById.get(stop_id)?.name ?? stop_id;
        return (
          <g key={stop_id} class={stop_id === chosen ? "is-chosen" : ""}>
            <circle cx={sides.x(across.rail)} cy={y(index)} r="3.5">
              <title>{name}</title>
            </circle>
            {named.has(index) && (
              <text x={sides.x(across.name)} y={y(index) + 4} text-anchor={sides.other}>
                {shortened(name, letters)}
              </text>
            )}
          </g>
        );
      })}
    </g>
  );
}

function shortened(name: string, letters: number): string {
  return name.length > letters ? `${name.slice(0, letters - 1).trimEnd()}…` : name;
}

const toneOfSpacing: Readonly<Record<Bracket["spacing"], Tone>> = {
  bunched2: "cold2",
  bunched1: "cold1",
  gap1: "warm1",
  gap2: "warm2",
};

/** A space that is too small (two bars) or too wide (a bracket), with its minutes. */
function BracketView(props: { bracket: Bracket; sides: Sides; y: (at: number) => number }) {
  const { bracket, sides, y } = props;
  const tone = toneOfSpacing[bracket.spacing];
  const bunched = bracket.spacing.startsWith("bunched");
  const [from, to] = [y(bracket.behind.at), y(bracket.ahead.at)];
  const x = sides.x(sides.across.bracket);
  const tip = x + 7 * sides.inward;
  const values = {
    n: Math.round(bracket.headway_s / 60),
    plan: Math.round(bracket.plan_s / 60),
  };
  const text = { x: x + 11 * sides.inward, "text-anchor": sides.other };
  const middle = (from + to) / 2 + 4;
  const path = bunched
    ? `M${x} ${from}V${to}M${x + 4 * sides.inward} ${from}V${to}`
    : `M${tip} ${from}H${x}V${to}H${tip}`;
  return (
    <g class={`bracket tone-${tone}`}>
      <title>{t(bunched ? "bunched" : "gap", values)}</title>
      <path d={path} />
      {Math.abs(to - from) > 40 ? (
        <>
          <text {...text} y={middle - 8}>
            {t("spaceNow", values)}
          </text>
          <text {...text} y={middle + 8} class="small">
            {t("spacePlan", values)}
          </text>
        </>
      ) : (
        <text {...text} y={middle}>
          {t("spaceNow", values)}
        </text>
      )}
    </g>
  );
}

function GhostView(props: { one: GhostOnRail; sides: Sides; y: number; label_y: number }) {
  const { one, sides, y, label_y } = props;
  const { across } = sides;
  const { ghost } = one;
  const chosen = state.selectedTrip.value === ghost.trip_id;
  const select = (): void => {
    state.select({ trip: ghost.trip_id });
  };
  const time = clockText(ghost.start_s, false);
  const reason = reasonWords(ghost);
  return (
    <g
      class={`ghost ${chosen ? "is-chosen" : ""}`}
      data-trip={ghost.trip_id}
      role="button"
      tabindex={0}
      aria-pressed={chosen}
      onClick={select}
      onKeyDown={(event) => {
        if (event.code !== "Enter" && event.code !== "Space") return;
        event.preventDefault();
        select();
      }}
    >
      <title>{t("ghostLabel", { time, headsign: ghost.headsign ?? "", reason })}</title>
      <Leader sides={sides} y={y} label_y={label_y} />
      <circle cx={sides.x(across.rail)} cy={y} r="9" />
      <text x={sides.x(across.label)} y={label_y + 4} text-anchor={sides.anchor}>
        {sides.wide ? `${time} · ${reason}` : time}
      </text>
    </g>
  );
}

/** Why a run has no bus. */
export function reasonWords(ghost: Ghost): string {
  return ghost.reason === "silent"
    ? t("reason_silent", { time: clockText(ghost.since_s, false) })
    : t(`reason_${ghost.reason}`);
}

function Leader({ sides, y, label_y }: { sides: Sides; y: number; label_y: number }) {
  if (Math.abs(y - label_y) < 6) return null;
  return (
    <path
      class="leader"
      d={`M${sides.x(sides.across.rail - 9)} ${y}L${sides.x(sides.across.label + 2)} ${label_y}`}
    />
  );
}

function BusView(props: {
  one: BusOnRail;
  sides: Sides;
  y: (at: number) => number;
  down: boolean;
  label_y: number;
}) {
  const { one, sides, down, label_y } = props;
  const { across } = sides;
  const { bus } = one;
  const row = state.rows.value.find(({ vehicle }) => vehicle.id === bus.id);
  const y = props.y(one.at);
  const x = sides.x(across.rail);
  const look = row?.look;
  const shape = look?.shape ?? "arrow";
  const delay_s = row ? delayNow(row.vehicle) : null;
  const deviates = look && look.adherence !== "even" && look.adherence !== "none";
  const chosen = state.selectedBus.value === bus.id;
  const stop = state.network.value.stopById.get(bus.next_stop_id)?.name ?? bus.next_stop_id;
  // Pointed glyphs go the way of the rail; on the ladder every moving bus has a direction.
  const turn = isPointed(shape) && down ? 180 : 0;
  const select = (): void => state.select({ bus: bus.id });
  return (
    <g
      class={`bus ${chosen ? "is-chosen" : ""}`}
      data-bus={bus.id}
      role="button"
      tabindex={0}
      aria-pressed={chosen}
      onClick={select}
      onKeyDown={(event) => {
        if (event.code !== "Enter" && event.code !== "Space") return;
        event.preventDefault();
        select();
      }}
    >
      <title>{t("busLabel", { bus: bus.id, delay: delayWords(delay_s), stop })}</title>
      {one.plan !== null && Math.abs(props.y(one.plan) - y) > 5 && (
        <path
          class="plan"
          d={`M${x} ${y}L${sides.x(across.plan)} ${props.y(one.plan)}h${-6 * sides.inward}`}
        />
      )}
      <Leader sides={sides} y={y} label_y={label_y} />
      <circle class="ring" cx={x} cy={y} r="14" />
      <path
        class={`glyph tone-${look?.tone ?? "even"} ${look?.hollow || state.frozen.value ? "is-hollow" : ""}`}
        transform={`translate(${x} ${y}) rotate(${turn}) scale(0.62)`}
        d={glyphPath(shape === "dot" ? "arrow" : shape)}
        {...routeStyle(look?.tone, bus.route_id)}
      />
      <text x={sides.x(across.label)} y={label_y + 4} text-anchor={sides.anchor}>
        {bus.id}
        {deviates && delay_s !== null ? ` ${signedMinutes(delay_s)}` : ""}
        {sides.wide && bus.hold_s ? ` · ${t("hold", { n: Math.round(bus.hold_s / 60) })}` : ""}
      </text>
    </g>
  );
}

function routeStyle(tone: Tone | undefined, routeId: string): { style?: { color: string } } {
  if (tone !== "route") return {};
  const route = state.network.value.routeById.get(routeId);
  return { style: { color: glyphColour(route?.color ?? "", palettes[state.theme.value]) } };
}
