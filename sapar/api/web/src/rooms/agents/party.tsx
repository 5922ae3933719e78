/** One agent or processor: figures, the statement of a month, a day of it, registers. */
import { useSignal } from "@preact/signals";
import { JournalLink } from "../../finance/journal";
import { t as say } from "../../i18n";
import { agencyUrl, send, sendFile } from "../../kit/api";
import { ask } from "../../kit/dialog";
import { DayField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, done } from "../../kit/toast";
import { clockText, numberText } from "../../kit/when";
import { may } from "../../shell/me";
import { kindText } from "../cards/messages";
import { t } from "./messages";
import { History, openTerms } from "./terms";
import type { Day, DayRow, Difference, OneParty, PartyRow, Register } from "./types";

export function PartyPane(props: {
  row: PartyRow;
  today: string;
  /** Moves when something was agreed. */
  turn: number;
  day: string | null;
  onDay: (day: string | null) => void;
  onClose: () => void;
  onChanged: () => void;
}) {
  const { row } = props;
  const path = `/api/finance/agents/${row.party}/${encodeURIComponent(row.id)}`;
  // who is not registered has balances and nothing else
  const found = useResource<OneParty>(row.status === null ? null : path, {
    query: { turn: props.turn },
  });
  const changed = (): void => {
    found.reload();
    props.onChanged();
  };
  return (
    <section class="one-party" aria-label={row.name || row.id}>
      <header>
        <h3>{row.name || row.id}</h3>
        {row.status !== null && may("chief_accountant") && found.data !== null && (
          <button
            type="button"
            onClick={() =>
              openTerms({
                party: row.party,
                id: row.id,
                name: row.name || row.id,
                current: found.data?.detail.current ?? null,
              })
            }
          >
            {t("otherTerms")}
          </button>
        )}
        {row.status !== null && may("accountant", "chief_accountant") && (
          <Acts row={row} path={path} onChanged={changed} />
        )}
        <IconButton icon="close" bare title={say("close")} onClick={props.onClose} />
      </header>
      <Figures row={row} />
      {row.status !== null && (
        <Fetched of={found} rows={10}>
          {(one) => (
            <>
              {one.detail.reason !== "" && (
                <p class="note-bar">{t("because", { why: one.detail.reason })}</p>
              )}
              {props.day === null ? (
                <Month one={one} onDay={props.onDay} />
              ) : (
                <OneDay
                  key={props.day}
                  name={row.name || row.id}
                  path={path}
                  day={props.day}
                  onBack={() => props.onDay(null)}
                />
              )}
              <Registers
                rows={one.registers}
                path={path}
                onDay={props.onDay}
                onTaken={changed}
                last={one.statement.to_date}
              />
              <History history={one.detail.history} today={props.today} name={row.id} />
            </>
          )}
        </Fetched>
      )}
    </section>
  );
}

function Acts(props: { row: PartyRow; path: string; onChanged: () => void }) {
  const { row } = props;
  const name = row.name || row.id;
  const set = async (status: "active" | "suspended"): Promise<void> => {
    const reason =
      status === "active"
        ? ""
        : await ask({
            title: t("suspendTitle", { name }),
            text: t("suspendText"),
            confirm: t("suspendIt"),
            reason: t("reason"),
          });
    if (reason === null) return;
    const told = t(status === "active" ? "resumed" : "suspendedNow", { name });
    if (await attempt(() => send("POST", `${props.path}/status`, { status, reason }), told)) {
      props.onChanged();
    }
  };
  return row.status === "suspended" ? (
    <button type="button" onClick={() => void set("active")}>
      {t("resume")}
    </button>
  ) : (
    <button type="button" onClick={() => void set("suspended")}>
      {t("suspend")}
    </button>
  );
}

function Figures({ row }: { row: PartyRow }) {
  const { ageing } = row;
  const all: readonly (readonly [string, number | null])[] = [
    [t("balance"), row.balance_tiyn],
    [t("limit"), row.limit_tiyn],
    [t("overdue"), row.overdue_tiyn],
    [t("today"), ageing.days_0_1],
    [t("week"), ageing.days_2_7],
    [t("month"), ageing.days_8_30],
    [t("older"), ageing.days_over_30],
    [t("noItem"), ageing.no_item],
    [t("deposit"), row.deposit_tiyn],
    [t("commission"), row.commission_tiyn],
  ];
  return (
    <dl class="facts">
      {all
        .filter(([, tiyn], at) => at === 0 || (tiyn !== null && tiyn !== 0))
        .map(([name, tiyn]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{moneyText(tiyn)}</dd>
          </div>
        ))}
    </dl>
  );
}

function sum<R>(id: string, name: string, value: (row: R) => number): Column<R> {
  return {
    id,
    name,
    width: "112px",
    number: true,
    value,
    cell: (row) => (value(row) === 0 ? "–" : moneyText(value(row))),
    csv: (row) => moneyCell(value(row)),
    down: true,
  };
}

function Month({ one, onDay }: { one: OneParty; onDay: (day: string) => void }) {
  const { statement } = one;
  const columns: readonly Column<DayRow>[] = [
    { id: "day", name: t("day"), head: true, width: "104px", value: (row) => row.day },
    sum("sold", t("sold"), (row) => row.sold),
    sum("taken_back", t("takenBack"), (row) => row.taken_back),
    sum("netted", t("netted"), (row) => row.netted),
    sum("paid", t("paid"), (row) => row.paid),
    sum("other", t("other"), (row) => row.other),
    {
      ...sum<DayRow>("after", t("after"), (row) => row.balance),
      cell: (row) => moneyText(row.balance),
    },
  ];
  return (
    <>
      <h3>{t("statement")}</h3>
      <Table
        label={t("statement")}
        columns={columns}
        rows={statement.rows}
        key_of={(row) => String(row.day)}
        csv={`statement-${one.detail.row.id}`}
        first={{ column: "day", down: true }}
        min_px={720}
        onOpen={(row) => row.day !== null && onDay(row.day)}
        empty={<Empty>{t("noDays", { from: statement.from_date, to: statement.to_date })}</Empty>}
        foot={
          <span>
            {t("opening", { day: statement.from_date, sum: moneyText(statement.opening_tiyn) })} ·{" "}
            {t("total", { sum: moneyText(statement.totals.moved, { sign: true }) })}
          </span>
        }
      />
    </>
  );
}

function OneDay(props: { name: string; path: string; day: string; onBack: () => void }) {
  const found = useResource<Day>(`${props.path}/days/${props.day}`);
  const columns: readonly Column<Day["movements"][number]>[] = [
    {
      id: "time",
      name: t("time"),
      width: "84px",
      value: (one) => one.at,
      cell: (one) => clockText(Date.parse(one.at) / 1000),
    },
    {
      id: "what",
      name: t("what"),
      head: true,
      value: (one) => `${kindText(one.kind)} · ${one.actor}`,
    },
    { id: "card", name: t("card"), width: "110px", value: (one) => one.card ?? "" },
    sum("amount", t("amount"), (one) => one.amount_tiyn),
    {
      id: "journal",
      name: t("journal"),
      width: "116px",
      value: (one) => one.journal_no,
      cell: (one) => <JournalLink no={one.journal_no} />,
    },
  ];
  return (
    <>
      <h3>
        <IconButton icon="left" bare title={t("statement")} onClick={props.onBack} />{" "}
        {t("oneDay", { name: props.name, day: props.day })}
      </h3>
      <Fetched of={found} rows={8}>
        {(day) => (
          <>
            <Comparison of={day} />
            <Table
              label={props.day}
              columns={columns}
              rows={day.movements}
              key_of={(one) => String(one.journal_no)}
              csv={`movements-${props.day}`}
              min_px={560}
            />
          </>
        )}
      </Fetched>
    </>
  );
}

function Comparison({ of }: { of: Day }) {
  const { comparison } = of;
  if (comparison === null) return <p class="note-bar">{t("noRegister")}</p>;
  const columns: readonly Column<Difference>[] = [
    { id: "what", name: t("what"), head: true, value: (one) => one.detail },
    {
      id: "line",
      name: t("line"),
      width: "64px",
      number: true,
      value: (one) => one.line,
      cell: (one) => one.line ?? "–",
    },
    sum("register", t("register"), (one) => one.register_tiyn),
    sum("ledger", t("ledger"), (one) => one.ledger_tiyn),
    sum("amount", t("amount"), (one) => one.value_tiyn),
    {
      id: "journal",
      name: t("journal"),
      width: "116px",
      value: (one) => one.journal_no,
      cell: (one) => (one.journal_no === null ? "–" : <JournalLink no={one.journal_no} />),
    },
  ];
  return (
    <>
      <p>
        {t("compared", {
          register: moneyText(comparison.register_tiyn),
          ledger: moneyText(comparison.ledger_tiyn),
          agreed: comparison.agreed,
          rows: comparison.rows,
        })}{" "}
        {t("expected", {
          expected: moneyText(comparison.expected_tiyn),
          open: moneyText(comparison.open_tiyn),
        })}
      </p>
      {comparison.differences.length === 0 ? (
        <p class="quiet">{t("noDifferences")}</p>
      ) : (
        <Table
          label={t("differences")}
          columns={columns}
          rows={comparison.differences}
          key_of={(one) => one.name}
          csv="register-differences"
          min_px={640}
        />
      )}
    </>
  );
}

interface Imported {
  readonly register_no: number;
  /** Which one stands for the day now. */
  readonly standing_no: number;
  readonly repeated: boolean;
  readonly row_count: number;
  readonly total_tiyn: number;
}

function Registers(props: {
  rows: readonly Register[];
  path: string;
  last: string;
  onDay: (day: string) => void;
  onTaken: () => void;
}) {
  const day = useSignal(props.last);
  const take = async (file: File): Promise<void> => {
    const name = file.name;
    const of = day.value;
    const sendIt = (again: "0" | "1"): Promise<Imported> =>
      sendFile(`${props.path}/days/${of}/register`, file, {
        query: { name, again },
        timeout_ms: 120_000,
      });
    await attempt(async () => {
      let taken = await sendIt("0");
      if (taken.repeated && taken.register_no !== taken.standing_no) {
        const yes = await ask({
          title: t("againTitle", { name }),
          text: t("againText"),
          confirm: t("againIt"),
        });
        if (yes === null) return;
        taken = await sendIt("1");
      }
      done(
        taken.repeated
          ? t("repeated")
          : t("taken", { n: taken.row_count, sum: moneyText(taken.total_tiyn) }),
      );
      props.onTaken();
      props.onDay(of);
    }, "");
  };
  const columns: readonly Column<Register>[] = [
    { id: "day", name: t("day"), head: true, width: "104px", value: (one) => one.day, down: true },
    {
      id: "file",
      name: t("file"),
      value: (one) => one.file_name || one.number,
      cell: (one) => (
        <a
          href={agencyUrl(`/api/finance/agents/registers/${one.register_no}/file`)}
          download
          onClick={(event) => event.stopPropagation()}
        >
          {one.file_name || one.number}
        </a>
      ),
    },
    {
      id: "rows",
      name: t("rows"),
      width: "84px",
      number: true,
      value: (one) => one.row_count,
      cell: (one) => numberText(one.row_count),
    },
    sum("amount", t("amount"), (one) => one.total_tiyn),
    { id: "by", name: t("by"), value: (one) => one.imported_by },
  ];
  return (
    <>
      <h3>{t("registers")}</h3>
      {may("accountant", "chief_accountant") && (
        <div class="filters">
          <DayField
            label={t("day")}
            value={day.value}
            onValue={(value) => {
              day.value = value;
            }}
          />
          <label class="file-button">
            {t("take")}
            <input
              type="file"
              class="hidden"
              onChange={(event) => {
                const chosen = event.currentTarget.files?.[0];
                event.currentTarget.value = "";
                if (chosen) void take(chosen);
              }}
            />
          </label>
        </div>
      )}
      <Table
        label={t("registers")}
        columns={columns}
        rows={props.rows}
        key_of={(one) => String(one.register_no)}
        csv="registers"
        min_px={560}
        onOpen={(one) => props.onDay(one.day)}
        empty={<Empty>{t("noRegisters")}</Empty>}
      />
    </>
  );
}
