/** Speeds between stops, now and before a bus lane: on the map and as a table. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { numberText, percentText } from "../../kit/when";
import { MapCanvas, webglWorks } from "../../map/canvas";
import * as state from "../../shell/state";
import { asked, before, comparing } from "./asked";
import { t } from "./messages";
import { Nothing } from "./parts";
import { keyOf, segmentFeatures } from "./segment_features";
import { changeOf, ends, type Kind, toneOf } from "./speed_classes";
import type { SpeedMap } from "./speed_map";
import type { Answer, Segment } from "./types";

export function Segments() {
  const [first, last] = before.value;
  const compare = comparing.value ? { before_from: first, before_to: last } : {};
  const found = useResource<Answer<Segment>>("/api/performance/segments.json", {
    query: asked(compare),
  });
  return (
    <Fetched of={found} rows={14}>
      {({ rows, from, to }) =>
        rows.length === 0 ? <Nothing /> : <Speeds rows={rows} span={`${from}_${to}`} />
      }
    </Fetched>
  );
}

function Speeds({ rows, span }: { rows: readonly Segment[]; span: string }) {
  const picked = useSignal<string | null>(null);
  const map = useRef<SpeedMap | null>(null);
  const kind: Kind = comparing.value ? "change" : "speed";
  const network = state.network.value;
  const draw = (): void => map.current?.show(segmentFeatures(rows, network, kind), kind);
  useEffect(draw, [rows, network, kind]);
  return (
    <div class="speeds">
      {webglWorks() && (
        <div class="speed-map">
          <MapCanvas
            load={async () => {
              const { SpeedMap } = await import("./speed_map");
              return (element, below) => new SpeedMap(element, below, null);
            }}
            onMap={(made) => {
              map.current = made;
              if (!made) return;
              made.onPick = (key) => {
                picked.value = key;
              };
              draw();
            }}
          />
          <Legend kind={kind} />
        </div>
      )}
      <Table
        label={t("speedsOf")}
        columns={columns(kind)}
        rows={rows}
        key_of={keyOf}
        selected={picked.value}
        csv={`speeds_${span}`}
        filter
        first={{ column: kind === "speed" ? "mean" : "change", down: false }}
        min_px={820}
        onOpen={(row) => {
          picked.value = keyOf(row);
          const stop = network.stopById.get(row.from_stop_id);
          if (stop) map.current?.goTo(stop.lon, stop.lat);
        }}
      />
    </div>
  );
}

function Legend({ kind }: { kind: Kind }) {
  const said = (end: number): string =>
    kind === "speed" ? numberText(end) : `${end > 0 ? "+" : ""}${percentText(end)}`;
  const edges = ends[kind].map(said);
  return (
    <figure class="speed-legend">
      <figcaption>{t(kind === "speed" ? "legendSpeed" : "legendChange")}</figcaption>
      <ul>
        {[0, 1, 2, 3, 4].map((number) => (
          <li key={number}>
            <span class="swatch" style={{ background: `var(--${cssOf(number)})` }} />
            {number === 0
              ? `< ${edges[0]}`
              : number === 4
                ? `≥ ${edges[3]}`
                : `${edges[number - 1]} … ${edges[number]}`}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function cssOf(number: number): string {
  return toneOf(number).replace(/(\d)$/, "-$1");
}

function columns(kind: Kind): Column<Segment>[] {
  const stops = state.network.value.stopById;
  const nameOf = (id: string): string => stops.get(id)?.name ?? id;
  const speed = (
    id: string,
    name: string,
    pick: (row: Segment) => number | null,
  ): Column<Segment> => ({
    id,
    name,
    number: true,
    value: pick,
    cell: (row) => numberText(pick(row), 1),
  });
  return [
    {
      id: "from",
      name: t("fromStop"),
      head: true,
      width: "22%",
      value: (row) => nameOf(row.from_stop_id),
    },
    { id: "to", name: t("toStop"), width: "22%", value: (row) => nameOf(row.to_stop_id) },
    speed("mean", t("meanKmh"), (row) => row.mean_kmh),
    ...(kind === "speed"
      ? [
          speed("p15", t("p15Kmh"), (row) => row.p15_kmh),
          speed("p85", t("p85Kmh"), (row) => row.p85_kmh),
        ]
      : [
          speed("before", t("beforeKmh"), (row) => row.before?.mean_kmh ?? null),
          {
            id: "change",
            name: t("change"),
            number: true,
            value: changeOf,
            cell: (row: Segment) => {
              const change = changeOf(row);
              return change === null ? "–" : `${change > 0 ? "+" : ""}${percentText(change, 1)}`;
            },
          },
        ]),
    {
      id: "length",
      name: t("length"),
      number: true,
      value: (row) => row.length_m,
      cell: (row) => numberText(row.length_m),
    },
    {
      id: "passages",
      name: t("passages"),
      number: true,
      down: true,
      value: (row) => row.passages,
      cell: (row) => numberText(row.passages),
    },
  ];
}
