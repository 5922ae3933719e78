import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { writeTo } from "../../desk/acting";
import { t as say } from "../../i18n";
import { Chip } from "../../kit/chip";
import { ask } from "../../kit/dialog";
import { IconButton } from "../../kit/icon";
import { Mark } from "../../kit/mark";
import { whyFrozen } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, minutesText } from "../../kit/when";
import { type AlarmRow, standingOf } from "../../shell/alarms";
import { acknowledge, closeEmergency, takeOver } from "../../shell/answer";
import { may } from "../../shell/me";
import * as state from "../../shell/state";
import { busy, choose, chosenKey, isOver, items, toggleCause } from "./chosen";
import type { Item } from "./lists";
import { t } from "./messages";
import { Nothing } from "./nothing";
import { shelving } from "./shelving";
import { busName, causeWords, lifeWords, proposalWords, stopName } from "./words";

function rowOf(item: Item): AlarmRow | undefined {
  return item.kind === "alarm" ? item.row : item.rows[0];
}

/** From these widths on there is room for more than cause and answer. */
const some_px = 620;
const all_px = 1000;

function columns(width_px: number): readonly Column<Item>[] {
  const value = (read: (row: AlarmRow) => string | number | null) => (item: Item) => {
    const row = rowOf(item);
    return row ? read(row) : null;
  };
  const own = (item: Item, show: (row: AlarmRow) => ComponentChildren) =>
    item.kind === "alarm" ? show(item.row) : "";
  const all: readonly Column<Item>[] = [
    {
      id: "priority",
      name: t("priority"),
      width: "46px",
      value: value((row) => row.priority),
      cell: (item) => {
        const row = rowOf(item);
        return row && <RowMark row={row} />;
      },
    },
    {
      id: "since",
      name: t("since"),
      width: "62px",
      value: value((row) => row.since_s),
      cell: (item) => clockText(rowOf(item)?.since_s ?? 0, false),
    },
    {
      id: "age",
      name: t("age"),
      width: "76px",
      sortable: false,
      csv: null,
      value: () => null,
      cell: (item) => own(item, (row) => <Lasting row={row} />),
    },
    {
      id: "route",
      name: "№",
      width: "74px",
      value: value((row) => routeName(row)),
      cell: (item) => own(item, (row) => <Chip id={row.route_id} name={routeName(row)} />),
    },
    {
      id: "cause",
      name: t("cause"),
      head: true,
      value: value(causeWords),
      cell: (item) =>
        item.kind === "alarm" ? (
          <>
            {width_px < all_px && lifeWords(item.row) !== "" && (
              <span class="life">{lifeWords(item.row)}</span>
            )}
            {causeWords(item.row)}
          </>
        ) : (
          <Group item={item} />
        ),
    },
    {
      id: "place",
      name: t("place"),
      width: "12%",
      value: value((row) => stopName(row.stop_id)),
      cell: (item) => own(item, (row) => stopName(row.stop_id)),
    },
    {
      id: "proposal",
      name: t("proposal"),
      width: "23%",
      value: value(proposalWords),
      cell: (item) =>
        own(item, (row) => <span title={proposalWords(row)}>{proposalWords(row)}</span>),
    },
    {
      id: "who",
      name: t("who"),
      width: "96px",
      value: value(lifeWords),
      cell: (item) => own(item, lifeWords),
    },
    {
      id: "acts",
      name: t("acts"),
      width: width_px < some_px ? "104px" : "208px",
      sortable: false,
      csv: null,
      value: () => null,
      cell: (item) =>
        item.kind === "alarm" ? (
          <Answers row={item.row} short={width_px < some_px} />
        ) : (
          <GroupAnswer rows={item.rows} />
        ),
    },
  ];
  const away: readonly string[] =
    width_px >= all_px
      ? []
      : width_px >= some_px
        ? ["place", "who", "since"]
        : ["place", "who", "since", "route", "proposal"];
  return all.filter(({ id }) => !away.includes(id));
}

function Lasting({ row }: { row: AlarmRow }) {
  const now_s = state.cityTime.value;
  return <>{now_s === null ? "–" : minutesText(Math.max(0, now_s - row.since_s))}</>;
}

function routeName(row: AlarmRow): string {
  const id = row.route_id ?? "";
  return state.network.value.routeById.get(id)?.name ?? id;
}

function RowMark({ row }: { row: AlarmRow }) {
  const standing = standingOf(row, state.cityTime.value ?? 0);
  return (
    <Mark
      priority={row.priority}
      blink={row.priority === 1 && standing === "open"}
      shelved={standing === "shelved"}
    />
  );
}

function Group({ item }: { item: Item & { kind: "group" } }) {
  return (
    <button
      type="button"
      class="bare"
      aria-expanded={item.open}
      onClick={() => toggleCause(item.cause)}
    >
      {t("groupOf", { cause: say(`alarm_${item.cause}`), n: item.rows.length })}
    </button>
  );
}

/** Why nobody can answer now, or null. */
function whyNot(): string | null {
  return may("dispatcher") ? whyFrozen() : t("viewerOnly");
}

function GroupAnswer({ rows }: { rows: readonly AlarmRow[] }) {
  const why = whyNot();
  const open = rows.filter((row) => row.alarm_no !== null && row.acknowledged_s === null);
  if (open.length === 0) return null;
  return (
    <button
      type="button"
      disabled={why !== null}
      title={why ?? undefined}
      onClick={async () => {
        for (const row of open) await acknowledge(row);
      }}
    >
      {t("acknowledgeAll", { n: open.length })}
    </button>
  );
}

async function closeRow(row: AlarmRow): Promise<void> {
  const reason = await ask({
    title: t("closeTitle", { bus: busName(row.vehicle_id) }),
    confirm: t("closeEmergency"),
    reason: t("closeReason"),
  });
  if (reason !== null) await closeEmergency(row, reason);
}

function Answers({ row, short }: { row: AlarmRow; short: boolean }) {
  const why = whyNot();
  const off = why !== null || row.alarm_no === null || isOver(row);
  const standing = standingOf(row, state.cityTime.value ?? 0);
  const title = why ?? undefined;
  return (
    <span class="answers">
      {standing === "open" && (
        <button type="button" disabled={off} title={title} onClick={() => void acknowledge(row)}>
          {t("acknowledge")}
        </button>
      )}
      {row.kind === "panic" && standing !== "open" && (
        <button type="button" disabled={off} title={title} onClick={() => void closeRow(row)}>
          {t("closeEmergency")}
        </button>
      )}
      {!short && (
        <>
          <IconButton
            icon="clock"
            title={why ?? `${t("shelve")} (H)`}
            disabled={off || standing === "shelved"}
            onClick={() => {
              shelving.value = row;
            }}
          />
          <IconButton
            icon="person"
            title={why ?? `${t("take")} (O)`}
            disabled={off}
            onClick={() => void takeOver(row)}
          />
          {row.vehicle_id !== null && may("dispatcher") && (
            <IconButton
              icon="edit"
              title={t("message")}
              onClick={() => writeTo({ vehicle_id: row.vehicle_id ?? "" })}
            />
          )}
        </>
      )}
    </span>
  );
}

/** The alarms that stand, in the order of urgency. */
export function Standing() {
  const place = useRef<HTMLDivElement>(null);
  const width_px = useSignal(1000);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      width_px.value = element.clientWidth;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <div
      ref={place}
      class="standing-list"
      onPointerEnter={() => {
        busy.value = true;
      }}
      onPointerLeave={() => {
        busy.value = false;
      }}
    >
      <Table
        label={t("title")}
        columns={columns(width_px.value)}
        rows={items.value}
        key_of={(item) => (item.kind === "alarm" ? item.row.key : `group ${item.cause}`)}
        selected={chosenKey.value}
        onOpen={(item) => (item.kind === "alarm" ? choose(item.row) : toggleCause(item.cause))}
        empty={<Nothing />}
        csv="exceptions"
        classOf={(item) => (item.kind === "group" ? "is-group" : isOver(item.row) ? "is-over" : "")}
      />
    </div>
  );
}
