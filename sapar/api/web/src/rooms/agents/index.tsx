/** Who owes us, how much of what it may, and since when? */
import { useSignal } from "@preact/signals";
import { JournalPlace } from "../../finance/journal";
import { Switch } from "../../kit/fields";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { percentText } from "../../kit/when";
import { may } from "../../shell/me";
import { choiceParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { DeskPlace, Desks, openDesk } from "./desks";
import { t } from "./messages";
import { PartyPane } from "./party";
import { openTerms, TermsPlace } from "./terms";
import type { Parties, Party, PartyRow } from "./types";
import "../people/room.css";
import "../cards/room.css";
import "./room.css";

const chosen = textParam("party", "agents");
const day = textParam("day", "agents");

const views = ["parties", "desks"] as const;
const view = choiceParam("show", "agents", views);

/** Opens the dialog of what is new in the view on the screen. */
function openNew(party: Party): void {
  if (view.value === "desks") openDesk("new");
  else openTerms({ party, id: null, name: "", current: null });
}

function View() {
  const found = useResource<Parties>("/api/finance/agents.json");
  const turn = useSignal(0);
  const changed = (): void => {
    turn.value += 1;
    found.reload();
  };
  return (
    <section class="page agents" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Switch
          label={t("title")}
          value={view.value}
          choices={views.map((value) => ({ value, name: t(value) }))}
          onValue={(value) => {
            view.value = value;
          }}
        />
        {may("chief_accountant") && found.data !== null && <New />}
      </header>
      <Fetched of={found} rows={12}>
        {(all) => (
          <>
            {view.value === "desks" ? (
              <Desks all={all} onChanged={changed} />
            ) : (
              <List all={all} turn={turn.value} onChanged={found.reload} />
            )}
            <TermsPlace all={all} onChanged={changed} />
            <DeskPlace all={all} onChanged={changed} />
          </>
        )}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function New() {
  if (view.value === "desks") {
    return (
      <div class="actions">
        <button type="button" onClick={() => openDesk("new")}>
          {t("newDeskDots")} <kbd>N</kbd>
        </button>
      </div>
    );
  }
  return (
    <div class="actions">
      <button type="button" onClick={() => openNew("agent")}>
        {t("newAgentDots")} <kbd>N</kbd>
      </button>
      <button type="button" onClick={() => openNew("processor")}>
        {t("newProcessorDots")}
      </button>
    </div>
  );
}

function List(props: { all: Parties; turn: number; onChanged: () => void }) {
  const { all } = props;
  const desks = new Map(all.desks.map((one) => [one.desk_id, one.name]));
  // a cash desk owes on the same account as an agent: it has a name, and is told as what it is
  const rows = [...all.agents, ...all.processors].map((one) =>
    one.status === null && one.party === "agent" && desks.has(one.id)
      ? { ...one, name: desks.get(one.id) ?? one.id, is_desk: true }
      : one,
  );
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
          today={all.today}
          turn={props.turn}
          day={day.value}
          onDay={(next) => {
            day.value = next;
          }}
          onClose={() => {
            chosen.value = null;
          }}
          onChanged={props.onChanged}
        />
      )}
    </div>
  );
}

function keyOf(one: PartyRow): string {
  return `${one.party}:${one.id}`;
}

export function kindText(one: PartyRow): string {
  if (one.is_desk) return t("k_desk");
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
  keys: [
    {
      code: "KeyN",
      label: "N",
      text: () => t("keyNew"),
      run: () => {
        if (may("chief_accountant")) openNew("agent");
      },
    },
  ],
  close: () => {
    const was = chosen.value !== null;
    if (day.value !== null) day.value = null;
    else chosen.value = null;
    return was;
  },
};
