/** What does the bank say, does the ledger say the same, and what does a new statement bring? */
import { signal, useSignal } from "@preact/signals";
import { dayName, seconds } from "../../finance/days";
import { JournalPlace, openJournal } from "../../finance/journal";
import "../../finance/finance.css";
import { agencyUrl, sendFile } from "../../kit/api";
import { CheckField, SelectField } from "../../kit/fields";
import { moneyCell, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, done } from "../../kit/toast";
import { momentText, numberText } from "../../kit/when";
import { may } from "../../shell/me";
import { flagParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { t } from "./messages";
import type { Account, Bank, BankLine, Imported, LinePage, Statement } from "./types";
import "../people/room.css";
import "../finance/room.css";
import "./room.css";

const chosen = textParam("statement", "bank");
const onlyOpen = flagParam("open", "bank");
/** Moves when a statement was imported. */
const turn = signal(0);
const patience_ms = 120_000;

/** The height of a table that holds so many rows: as few as there are, and it scrolls from ten on. */
function height(rows: number): string {
  return `${32 * Math.min(rows + 1, 10) + 92}px`;
}

function View() {
  const found = useResource<Bank>("/api/finance/bank.json", { on: turn });
  return (
    <section class="page bank" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
      </header>
      <Fetched of={found} rows={14}>
        {(bank) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
          <section class="today" tabIndex={0} aria-label={t("accounts")}>
            <Accounts accounts={bank.accounts} />
            {may("accountant", "chief_accountant") && bank.accounts.length > 0 && (
              <Import accounts={bank.accounts} />
            )}
            <Statements rows={bank.statements} />
            <Lines />
          </section>
        )}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function Accounts({ accounts }: { accounts: readonly Account[] }) {
  if (accounts.length === 0) return <Empty>{t("noAccounts")}</Empty>;
  return (
    <div class="figures">
      {accounts.map((one) => {
        const differs = one.ledger_tiyn - (one.closing_tiyn ?? 0);
        return (
          <div key={one.account}>
            <span>
              {one.name} {one.iban}
            </span>
            <strong>
              {one.closing_tiyn === null || one.closing_on === null
                ? t("nothingYet")
                : t("onDay", { sum: moneyText(one.closing_tiyn), day: dayName(one.closing_on) })}
            </strong>
            <span>
              {t("bookSays")}: {moneyText(one.ledger_tiyn)},{" "}
              {differs === 0 ? t("agrees") : t("differs", { sum: moneyText(differs) })}
            </span>
            <span>
              {t("unmatched")}: {numberText(one.unmatched_lines)}, {moneyText(one.unmatched_tiyn)}
            </span>
          </div>
        );
      })}
    </div>
  );
}

function Import({ accounts }: { accounts: readonly Account[] }) {
  const account = useSignal("");
  const file = useSignal<File | null>(null);
  const looked = useSignal<Imported | null>(null);
  const busy = useSignal(false);
  const ask = async (dry: boolean): Promise<void> => {
    const given = file.peek();
    if (given === null || busy.peek()) return;
    busy.value = true;
    await attempt(async () => {
      const query = { name: given.name, account: account.value, dry_run: dry ? "1" : "0" };
      const options = { query, timeout_ms: patience_ms };
      const told = await sendFile<Imported>("/api/finance/bank/statements", given, options);
      looked.value = dry ? told : null;
      if (dry) return;
      done(t("posted", { n: told.new_lines }));
      file.value = null;
      turn.value += 1;
    }, "");
    busy.value = false;
  };
  return (
    <section class="block">
      <h3>{t("import")}</h3>
      <p class="quiet">{t("importText")}</p>
      <div class="filters">
        <SelectField
          label={t("account")}
          value={account.value}
          none={t("anyAccount")}
          choices={accounts.map((one) => ({ value: one.account, name: one.name }))}
          onValue={(value) => {
            account.value = value;
            looked.value = null;
          }}
        />
        <label class="file-button">
          {t("choose")}
          <input
            type="file"
            class="hidden"
            onChange={(event) => {
              const given = event.currentTarget.files?.[0] ?? null;
              event.currentTarget.value = "";
              if (given === null) return;
              file.value = given;
              looked.value = null;
              void ask(true);
            }}
          />
        </label>
        {file.value && <span>{file.value.name}</span>}
      </div>
      {busy.value && <p role="status">{t("looking")}</p>}
      {looked.value && (
        <Looked told={looked.value} busy={busy.value} onPost={() => void ask(false)} />
      )}
    </section>
  );
}

function Looked({ told, busy, onPost }: { told: Imported; busy: boolean; onPost: () => void }) {
  const nothing = told.repeated || told.new_lines === 0;
  return (
    <div class="looked" role="status">
      <p>
        <strong>{t("look")}</strong> ({told.format}, {told.account}):{" "}
        {t("lookLines", {
          n: told.lines,
          receipts: moneyText(told.receipts_tiyn),
          payments: moneyText(told.payments_tiyn),
        })}
        .{" "}
        {told.repeated
          ? t("lookRepeated")
          : nothing
            ? t("lookOld")
            : t("lookNew", { n: told.new_lines, sum: moneyText(told.new_tiyn, { sign: true }) })}
      </p>
      {told.warnings.map((text) => (
        <p class="note-bar" key={text}>
          {text}
        </p>
      ))}
      {told.preview.length > 0 && (
        <div class="scroll-x">
          <table class="ledger">
            <tbody>
              {told.preview.map((one, place) => (
                <tr key={place}>
                  <td>{dayName(one.booked_on)}</td>
                  <td>{one.counterparty_name}</td>
                  <td>{one.purpose}</td>
                  <td class="number">{moneyText(one.amount_tiyn, { sign: true })}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {!nothing && (
        <button type="button" class="primary" disabled={busy} onClick={onPost}>
          {t("post")}
        </button>
      )}
    </div>
  );
}

function Statements({ rows }: { rows: readonly Statement[] }) {
  const sum = (id: "opening" | "closing"): Column<Statement> => ({
    id,
    name: t(id),
    width: "140px",
    number: true,
    value: (one) => one[`${id}_tiyn`],
    cell: (one) => moneyText(one[`${id}_tiyn`]),
    csv: (one) => moneyCell(one[`${id}_tiyn`]),
  });
  const columns: readonly Column<Statement>[] = [
    {
      id: "period",
      name: t("period"),
      head: true,
      width: "170px",
      value: (one) => `${one.from_date} – ${one.to_date}`,
      cell: (one) =>
        one.from_date === one.to_date
          ? dayName(one.from_date)
          : `${dayName(one.from_date)} – ${dayName(one.to_date)}`,
    },
    { id: "account", name: t("account"), width: "100px", value: (one) => one.account },
    {
      id: "file",
      name: t("file"),
      value: (one) => one.file_name,
      cell: (one) =>
        one.kept ? (
          <a
            href={agencyUrl(`/api/finance/bank/statements/${one.statement_no}/file`)}
            download
            onClick={(event) => event.stopPropagation()}
          >
            {one.file_name || one.format}
          </a>
        ) : (
          one.file_name || one.format
        ),
    },
    sum("opening"),
    sum("closing"),
    { id: "lines", name: t("lines"), width: "80px", number: true, value: (one) => one.lines },
    { id: "new", name: t("newLines"), width: "80px", number: true, value: (one) => one.new_lines },
    {
      id: "when",
      name: t("when"),
      width: "130px",
      value: (one) => seconds(one.imported_at),
      cell: (one) => momentText(seconds(one.imported_at)),
      csv: (one) => one.imported_at,
    },
    { id: "by", name: t("by"), width: "110px", value: (one) => one.imported_by },
  ];
  return (
    <section class="block">
      <h3>{t("statements")}</h3>
      <div class="table-place" style={{ height: height(rows.length) }}>
        <Table
          label={t("statements")}
          columns={columns}
          rows={rows}
          key_of={(one) => String(one.statement_no)}
          csv="statements"
          min_px={900}
          selected={chosen.value}
          onOpen={(one) => {
            const no = String(one.statement_no);
            chosen.value = chosen.value === no ? null : no;
          }}
          empty={<Empty>{t("noStatements")}</Empty>}
        />
      </div>
    </section>
  );
}

function Lines() {
  const found = useResource<LinePage>("/api/finance/bank/lines.json", {
    query: { statement: chosen.value, unmatched: onlyOpen.value ? "1" : null },
    on: turn,
  });
  const columns: readonly Column<BankLine>[] = [
    {
      id: "day",
      name: t("day"),
      width: "90px",
      value: (one) => one.booked_on,
      cell: (one) => dayName(one.booked_on),
    },
    {
      id: "amount",
      name: t("amount"),
      width: "140px",
      number: true,
      value: (one) => one.amount_tiyn,
      cell: (one) => moneyText(one.amount_tiyn, { sign: true }),
      csv: (one) => moneyCell(one.amount_tiyn),
    },
    { id: "who", name: t("who"), head: true, value: (one) => one.counterparty_name },
    { id: "purpose", name: t("purpose"), width: "34%", value: (one) => one.purpose },
    { id: "reference", name: t("reference"), width: "130px", value: (one) => one.reference },
    {
      id: "state",
      name: t("state"),
      width: "110px",
      value: (one) =>
        one.match_no === null ? t("open") : t("matched", { no: String(one.match_no) }),
    },
  ];
  return (
    <section class="block">
      <header>
        <h3>{chosen.value === null ? t("allLines") : t("linesOf", { no: chosen.value })}</h3>
        <CheckField
          label={t("onlyOpen")}
          checked={onlyOpen.value}
          onChecked={(on) => {
            onlyOpen.value = on;
          }}
        />
      </header>
      <Fetched of={found} rows={6}>
        {(page) => (
          <>
            <p class="quiet">
              {t("sums", {
                n: page.count,
                receipts: moneyText(page.receipts_tiyn),
                payments: moneyText(page.payments_tiyn),
              })}
            </p>
            <div class="table-place" style={{ height: height(page.lines.length) }}>
              <Table
                label={t("allLines")}
                columns={columns}
                rows={page.lines}
                key_of={(one) => String(one.line_no)}
                csv="bank-lines"
                filter
                min_px={860}
                onOpen={(one) => openJournal(one.journal_no)}
                empty={<Empty>{t("noLines")}</Empty>}
              />
            </div>
          </>
        )}
      </Fetched>
    </section>
  );
}

export const room: Room = { View };
