/** What must a person explain, how old is it, and what was done about it? */
import { signal } from "@preact/signals";
import { dayName, seconds } from "../../finance/days";
import { detailText } from "../../finance/details";
import { JournalPlace } from "../../finance/journal";
import { kindName } from "../../finance/kinds";
import type { Exceptional } from "../../finance/types";
import "../../finance/finance.css";
import { CheckField, SelectField, Switch } from "../../kit/fields";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { clockText, numberText } from "../../kit/when";
import { me } from "../../shell/me";
import { choiceParam, flagParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { Detail } from "./detail";
import { t } from "./messages";
import "../people/room.css";
import "../matching/room.css";
import "./room.css";

interface Queue {
  readonly time_s: number;
  readonly page: {
    readonly rows: readonly Exceptional[];
    readonly count: number;
    readonly value_tiyn: number;
  };
  readonly ageing: readonly {
    readonly kind: string;
    readonly buckets: readonly (readonly [number, number])[];
    readonly count: number;
    readonly value_tiyn: number;
  }[];
}

const buckets = ["0-1", "2-7", "8-30", "30+"] as const;
const which = choiceParam("state", "explain", ["open", "closed"]);
const kind = textParam("kind", "explain");
const age = textParam("age", "explain");
const mine = flagParam("mine", "explain");
const chosen = textParam("no", "explain");
/** Moves when something was done about an exception. */
const turn = signal(0);

function View() {
  const found = useResource<Queue>("/api/finance/exceptions.json", {
    query: {
      state: which.value,
      kind: kind.value,
      age: age.value,
      assignee: mine.value ? me.value?.name : null,
    },
    on: turn,
  });
  const kinds = (found.data?.ageing ?? []).map((one) => one.kind);
  return (
    <section class="page explain" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Switch
          label={t("state")}
          value={which.value}
          choices={[
            { value: "open", name: t("open") },
            { value: "closed", name: t("closed") },
          ]}
          onValue={(value) => {
            which.value = value;
          }}
        />
      </header>
      <div class="filters">
        <SelectField
          label={t("kind")}
          value={kind.value ?? ""}
          none={t("allKinds")}
          choices={[...new Set([...kinds, ...(kind.value === null ? [] : [kind.value])])].map(
            (value) => ({ value, name: kindName(value) }),
          )}
          onValue={(value) => {
            kind.value = value === "" ? null : value;
          }}
        />
        <SelectField
          label={t("age")}
          value={age.value ?? ""}
          none={t("allAges")}
          choices={buckets.map((value) => ({ value, name: value.replace("-", "–") }))}
          onValue={(value) => {
            age.value = value === "" ? null : value;
          }}
        />
        <CheckField
          label={t("mine")}
          checked={mine.value}
          onChecked={(on) => {
            mine.value = on;
          }}
        />
        {found.data && <Ages queue={found.data} />}
      </div>
      <Fetched of={found} rows={14}>
        {(queue) => (
          <div class="beside">
            <Table
              label={t("title")}
              columns={columns(chosen.value === null)}
              rows={queue.page.rows}
              key_of={(one) => String(one.exception_no)}
              csv="exceptions"
              filter
              min_px={chosen.value === null ? 900 : 480}
              selected={chosen.value}
              onOpen={(one) => {
                chosen.value = String(one.exception_no);
              }}
              foot={
                <span>
                  {t("sumOf", {
                    n: queue.page.count,
                    sum: moneyText(queue.page.value_tiyn),
                  })}
                </span>
              }
              empty={
                <Empty>
                  {which.value === "open" && kind.value === null && age.value === null
                    ? t("noneOpen", { time: clockText(queue.time_s) })
                    : t("none")}
                </Empty>
              }
            />
            {chosen.value !== null && (
              <Detail
                key={chosen.value}
                no={chosen.value}
                onClose={() => {
                  chosen.value = null;
                }}
                onChanged={() => {
                  turn.value += 1;
                }}
              />
            )}
          </div>
        )}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function Ages({ queue }: { queue: Queue }) {
  return (
    <dl class="ages" aria-label={t("age")}>
      {buckets.map((days, place) => {
        const cells = queue.ageing.map((one) => one.buckets[place] ?? [0, 0]);
        const count = cells.reduce((sum, [n]) => sum + n, 0);
        const tiyn = cells.reduce((sum, [, value]) => sum + value, 0);
        return (
          <div key={days}>
            <dt>
              {days.replace("-", "–")} ({numberText(count)})
            </dt>
            <dd>{moneyText(tiyn)}</dd>
          </div>
        );
      })}
    </dl>
  );
}

function columns(wide: boolean): readonly Column<Exceptional>[] {
  const all: readonly (Column<Exceptional> | false)[] = [
    {
      id: "kind",
      name: t("kind"),
      head: true,
      width: wide ? "220px" : "46%",
      value: (one) => kindName(one.kind),
    },
    {
      id: "value",
      name: t("value"),
      width: "130px",
      number: true,
      down: true,
      value: (one) => one.value_tiyn,
      cell: (one) => moneyText(one.value_tiyn),
      csv: (one) => moneyCell(one.value_tiyn),
    },
    wide && { id: "detail", name: t("detail"), value: (one) => detailText(one.detail) },
    {
      id: "day",
      name: t("day"),
      width: "90px",
      value: (one) => one.day,
      cell: (one) => (one.day === null ? "–" : dayName(one.day)),
    },
    {
      id: "age",
      name: t("ageShort"),
      width: "80px",
      number: true,
      down: true,
      value: (one) => one.age_days,
    },
    wide && {
      id: "assignee",
      name: t("assignee"),
      width: "120px",
      value: (one) => one.assignee ?? t("nobody"),
    },
    wide && {
      id: "state",
      name: t("state"),
      width: "120px",
      value: (one) =>
        one.closed_at === null
          ? one.accepted_at === null
            ? t("open")
            : t("accepted")
          : `${t("closed")} ${clockText(seconds(one.closed_at), false)}`,
    },
  ];
  return all.filter((one) => one !== false);
}

export const room: Room = {
  View,
  close: () => {
    if (chosen.value === null) return false;
    chosen.value = null;
    return true;
  },
};
