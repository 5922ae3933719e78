import { useState } from "preact/hooks";
import { drawDetour, openAct } from "../../desk/acting";
import type { ActList, ActRow } from "../../desk/types";
import { t as say } from "../../i18n";
import { getJson } from "../../kit/api";
import { Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched, whyFrozen } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, failed, undoNewest } from "../../kit/toast";
import { clockText } from "../../kit/when";
import { may } from "../../shell/me";
import { choiceParam } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room, RoomKey } from "../room";
import { aboutRow, periodText, stateText } from "./about";
import { decide, undo } from "./doing";
import { t } from "./messages";
import "./room.css";

const shown = choiceParam("list", "acts", ["standing", "past"]);

const kinds = ["cancel", "skip", "extra", "swap"] as const;

function View() {
  return (
    <section class="page">
      <header>
        <h2>
          <Switch
            label={t("kind")}
            value={shown.value}
            choices={[
              { value: "standing", name: t("standing") },
              { value: "past", name: t("past") },
            ]}
            onValue={(value) => {
              shown.value = value;
            }}
          />
        </h2>
        {may("dispatcher") && <NewActs />}
      </header>
      {shown.value === "standing" ? <Standing /> : <Past />}
    </section>
  );
}

function NewActs() {
  const frozen = whyFrozen();
  return (
    <div class="actions" role="group" aria-label={t("newAct")}>
      {kinds.map((kind) => (
        <button
          type="button"
          key={kind}
          disabled={frozen !== null}
          title={frozen ?? ""}
          onClick={() => openAct({ kind })}
        >
          {t(kind)}
        </button>
      ))}
      <button type="button" disabled={frozen !== null} onClick={() => drawDetour()}>
        {t("detour")}
      </button>
    </div>
  );
}

function columns(more: readonly Column<ActRow>[] = []): readonly Column<ActRow>[] {
  return [
    { id: "about", name: t("about"), head: true, value: (row) => aboutRow(row) },
    {
      id: "period",
      name: t("period"),
      width: "160px",
      value: (row) => row.from_s ?? row.created_s,
      cell: (row) => periodText(row.from_s, row.until_s),
      csv: (row) => periodText(row.from_s, row.until_s),
    },
    { id: "reason", name: t("reason"), width: "18%", value: (row) => row.reason },
    { id: "author", name: t("author"), width: "110px", value: (row) => row.author },
    { id: "state", name: t("state"), width: "160px", value: stateText },
    ...more,
  ];
}

function Standing() {
  const acts = useResource<ActList>("/api/dispatch/acts.json", {
    on: state.changes.acts,
    every_ms: 30_000,
  });
  const buttons: Column<ActRow> = {
    id: "do",
    name: "",
    width: "176px",
    sortable: false,
    csv: null,
    value: () => null,
    cell: (row) => <Buttons row={row} />,
  };
  return (
    <Fetched of={acts}>
      {(data) => (
        <>
          {data.acts
            .filter((row) => row.state === "ending")
            .map((row) => (
              <Ending key={row.act_id} row={row} />
            ))}
          <Table
            label={t("standing")}
            csv="acts"
            filter
            min_px={980}
            columns={columns(may("dispatcher") ? [buttons] : [])}
            rows={data.acts}
            key_of={(row) => row.act_id}
            empty={<Empty>{t("noneStanding")}</Empty>}
          />
        </>
      )}
    </Fetched>
  );
}

/** Ten minutes before its end an act asks whether it should go on. */
function Ending({ row }: { row: ActRow }) {
  const until_s = row.until_s ?? 0;
  const left_s = until_s - (state.cityTime.value ?? until_s);
  return (
    <p class="stale act-ending" role="status">
      {t("endsSoon", {
        what: aboutRow(row),
        time: clockText(until_s, false),
        n: Math.max(0, Math.round(left_s / 60)),
      })}{" "}
      {may("dispatcher") && <Extend row={row} />}
    </p>
  );
}

/** An hour more: the same act anew, in place of the old one, in one step. */
function Extend({ row }: { row: ActRow }) {
  const about = aboutRow(row);
  return (
    <button
      type="button"
      disabled={whyFrozen() !== null}
      onClick={() => {
        void decide(
          {
            what: row.what,
            from_s: row.from_s,
            until_s: (row.until_s ?? 0) + 3600,
            cause: row.cause,
            reason: row.reason,
            replaces: row.act_id,
          },
          about,
          t("extended", { what: about }),
        );
      }}
    >
      {t("extend")}
    </button>
  );
}

function Buttons({ row }: { row: ActRow }) {
  const about = aboutRow(row);
  return (
    <span class="act-buttons">
      {row.until_s !== null && <Extend row={row} />}
      <button
        type="button"
        disabled={whyFrozen() !== null}
        onClick={() => void attempt(() => undo(row.act_id, about), "")}
      >
        {t("undo")}
      </button>
    </span>
  );
}

function Past() {
  const acts = useResource<ActList>("/api/dispatch/acts.json", {
    query: { past: 1 },
    on: state.changes.acts,
  });
  const [earlier, setEarlier] = useState<readonly ActRow[]>([]);
  const [ended, setEnded] = useState(false);
  const more = async (last: ActRow): Promise<void> => {
    try {
      const { acts: next } = await getJson<ActList>("/api/dispatch/acts.json", {
        query: { past: 1, before: last.act_id.replace("act-", "") },
      });
      setEarlier([...earlier, ...next]);
      setEnded(next.length === 0);
    } catch (error) {
      failed(error);
    }
  };
  return (
    <Fetched of={acts}>
      {(data) => {
        const known = new Set(data.acts.map((row) => row.act_id));
        const rows = [...data.acts, ...earlier.filter((row) => !known.has(row.act_id))];
        const last = rows.at(-1);
        return (
          <Table
            label={t("past")}
            csv="acts-past"
            filter
            min_px={980}
            columns={columns()}
            rows={rows}
            key_of={(row) => row.act_id}
            empty={<Empty>{t("nonePast")}</Empty>}
            foot={
              last && !ended && rows.length >= 100 ? (
                <button type="button" onClick={() => void more(last)}>
                  {t("more")}
                </button>
              ) : null
            }
          />
        );
      }}
    </Fetched>
  );
}

function act(code: string, label: string, text: () => string, run: () => void): RoomKey {
  return {
    code,
    label,
    text,
    run: () => {
      if (may("dispatcher") && whyFrozen() === null) run();
    },
  };
}

export const room: Room = {
  View,
  keys: [
    { code: "KeyU", label: "U", text: () => say("undo"), run: () => void undoNewest() },
    act(
      "KeyC",
      "C",
      () => t("keyCancel"),
      () => openAct({ kind: "cancel" }),
    ),
    act(
      "KeyS",
      "S",
      () => t("keySkip"),
      () => openAct({ kind: "skip" }),
    ),
    act(
      "KeyE",
      "E",
      () => t("keyExtra"),
      () => openAct({ kind: "extra" }),
    ),
    act(
      "KeyW",
      "W",
      () => t("keySwap"),
      () => openAct({ kind: "swap" }),
    ),
    act(
      "KeyD",
      "D",
      () => t("keyDetour"),
      () => drawDetour(),
    ),
  ],
  find(hit) {
    if (!may("dispatcher")) return false;
    if (hit.kind === "bus") openAct({ kind: "swap", vehicle_id: hit.id });
    else if (hit.kind === "route") openAct({ kind: "cancel", route_id: hit.id });
    else openAct({ kind: "skip", stop_ids: [hit.id] });
    return true;
  },
};
