/** Who owes us, how much of what it may, and since when? */
import { JournalPlace } from "../../finance/journal";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { percentText } from "../../kit/when";
import { textParam } from "../../shell/query";
import type { Room } from "../room";
import { t } from "./messages";
import { PartyPane } from "./party";
import type { Parties, PartyRow } from "./types";
import "../people/room.css";
import "../cards/room.css";
import "./room.css";

const chosen = textParam("party", "agents");
const day = textParam("day", "agents");

function View() {
  const found = useResource<Parties>("/api/finance/agents.json");
  return (
    <section class="page agents" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
      </header>
      <Fetched of={found} rows={12}>
        {(all) => {
          const rows = [...all.agents, ...all.processors];
          const row = rows.find((one) => keyOf(one) === chosen.value);
          return (
            <div class={`agents-beside ${row ? "has-one" : ""}`}>
              <Table
                label={t("title")}
                columns={columns(row === undefined)}
                rows={rows}
                key_of={keyOf}
                csv="agents"
                filter
                min_px={row ? 420 : 900}
                first={{ column: "balance", down: true }}
                selected={chosen.value}
                onOpen={(one) => {
                  chosen.value = keyOf(one);
                  day.value = null;
                }}
                empty={<Empty>{t("none")}</Empty>}
              />
              {row && (
                <PartyPane
                  key={keyOf(row)}
                  row={row}
                  day={day.value}
                  onDay={(next) => {
                    day.value = next;
                  }}
                  onClose={() => {
                    chosen.value = null;
                  }}
                  onChanged={found.reload}
                />
              )}
            </div>
          );
        }}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function keyOf(one: PartyRow): string {
  return `${one.party}:${one.id}`;
}

export function kindText(one: PartyRow): string {
  if (one.status === "suspended") return t("suspended");
  if (one.kind === null) return t(one.status === null ? "k_unknown" : "k_no_terms");
  return t(`k_${one.kind}`);
}

function amount(
  id: string,
  name: string,
  value: (one: PartyRow) => number | null,
  width = "124px",
): Column<PartyRow> {
  return {
    id,
    name,
    width,
    number: true,
    value,
    cell: (one) => (value(one) === 0 ? "0" : moneyText(value(one))),
    csv: (one) => moneyCell(value(one)),
    down: true,
  };
}

function usedShare(one: PartyRow): number | null {
  return one.limit_tiyn === null || one.limit_tiyn === 0 ? null : one.balance_tiyn / one.limit_tiyn;
}

function columns(wide: boolean): readonly Column<PartyRow>[] {
  const all: readonly (Column<PartyRow> | false)[] = [
    { id: "name", name: t("name"), head: true, value: (one) => one.name || one.id },
    { id: "kind", name: t("kind"), value: kindText, width: "124px" },
    amount("balance", t("balance"), (one) => one.balance_tiyn),
    wide && amount("limit", t("limit"), (one) => one.limit_tiyn),
    wide && {
      id: "used",
      name: t("used"),
      width: "86px",
      number: true,
      value: usedShare,
      cell: (one) => percentText(usedShare(one)),
      down: true,
    },
    wide && amount("overdue", t("overdue"), (one) => one.overdue_tiyn),
    wide && amount("today", t("today"), (one) => one.ageing.days_0_1, "104px"),
    wide && amount("week", t("week"), (one) => one.ageing.days_2_7, "104px"),
    wide && amount("month", t("month"), (one) => one.ageing.days_8_30, "104px"),
    wide && amount("older", t("older"), (one) => one.ageing.days_over_30, "104px"),
  ];
  return all.filter((one) => one !== false);
}

export const room: Room = {
  View,
  close: () => {
    const was = chosen.value !== null;
    if (day.value !== null) day.value = null;
    else chosen.value = null;
    return was;
  },
};
