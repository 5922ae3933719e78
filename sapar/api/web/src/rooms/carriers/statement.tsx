/** A statement or a claim opened: its lines, and of a line its rides. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ActDialog } from "../../finance/act-dialog";
import { JournalLink } from "../../finance/journal";
import { useOnce } from "../../finance/once";
import { t as say } from "../../i18n";
import { getJson, send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { SelectField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { MoneyField, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, done, failed } from "../../kit/toast";
import { momentText, numberText } from "../../kit/when";
import { may } from "../../shell/me";
import { go } from "../../shell/query";
import { Files, money, text } from "./cells";
import { blockText, t } from "./messages";
import type { Claim, ClaimLine, Part, Statement, StatementLine } from "./types";

interface Opened {
  readonly statement: Statement;
  readonly lines: readonly StatementLine[];
}

export function stateOf(one: Statement): string {
  return one.at_bank ? t("atBank") : t(`s_${one.status}`);
}

export function StatementPane(props: {
  statement_no: string;
  accounts: readonly string[];
  onClose: () => void;
  onChanged: () => void;
}) {
  const path = `/api/finance/statements/${props.statement_no}`;
  const found = useResource<Opened>(path);
  const line = useSignal<StatementLine | null>(null);
  const changed = (): void => {
    found.reload();
    props.onChanged();
  };
  return (
    <section class="one-party" aria-label={t("statements")}>
      <Fetched of={found} rows={10}>
        {({ statement, lines }) => (
          <>
            <header>
              <h3>
                {statement.number ?? t("s_draft")} · {statement.carrier_name}
              </h3>
              <Files path={path} />
              <IconButton icon="close" bare title={say("close")} onClick={props.onClose} />
            </header>
            <p>
              {statement.from_date} – {statement.to_date} · {stateOf(statement)}
            </p>
            <dl class="facts">
              <Fact name={t("gross")} value={moneyText(statement.gross_tiyn)} />
              <Fact name={t("commission")} value={moneyText(statement.commission_tiyn)} />
              <Fact name={t("payable")} value={moneyText(statement.payable_tiyn)} />
              <Fact name={t("boardings")} value={numberText(statement.boardings)} />
            </dl>
            {statement.waiting_tiyn !== 0 && (
              <p class="quiet">
                {t("waits", { sum: moneyText(statement.waiting_tiyn, { sign: true }) })}
              </p>
            )}
            <Acts statement={statement} path={path} accounts={props.accounts} onChanged={changed} />
            <h3>{t("lines")}</h3>
            <Table
              label={t("lines")}
              columns={lineColumns()}
              rows={lines}
              key_of={(one) => String(one.line_no)}
              csv={`statement-${statement.statement_no}`}
              min_px={640}
              selected={line.value === null ? null : String(line.value.line_no)}
              onOpen={(one) => {
                line.value = one;
              }}
            />
            {line.value !== null && (
              <Parts
                key={line.value.line_no}
                title={t("parts", {
                  what: blockText(line.value.block),
                  day: line.value.service_date,
                })}
                path={`/api/finance/statement-lines/${line.value.line_no}/parts.json`}
                csv={`line-${line.value.line_no}`}
              />
            )}
          </>
        )}
      </Fetched>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function lineColumns(): readonly Column<StatementLine>[] {
  return [
    text("what", t("what"), (one) => blockText(one.block), { head: true }),
    text("day", t("day"), (one) => one.service_date, { width: "104px" }),
    {
      id: "boardings",
      name: t("boardings"),
      width: "92px",
      number: true,
      value: (one) => one.boardings,
      cell: (one) => numberText(one.boardings),
    },
    money("gross", t("gross"), (one) => one.gross_tiyn),
    money("commission", t("commission"), (one) => one.commission_tiyn, "116px"),
    money("payable", t("payable"), (one) => one.payable_tiyn),
    money("held", t("held"), (one) => one.held_tiyn, "104px"),
  ];
}

function Acts(props: {
  statement: Statement;
  path: string;
  accounts: readonly string[];
  onChanged: () => void;
}) {
  const { statement } = props;
  const asking = useSignal<"pay" | "hold" | null>(null);
  if (!may("accountant", "chief_accountant")) return null;
  const close = (): void => {
    asking.value = null;
  };
  const issue = async (): Promise<void> => {
    const question = { title: t("issueTitle"), text: t("issueText"), confirm: t("issueIt") };
    if ((await ask(question)) === null) return;
    try {
      const issued = await send<Statement>("POST", `${props.path}/issue`, {});
      done(t("issued", { number: issued.number ?? "" }));
      props.onChanged();
    } catch (error) {
      failed(error);
    }
  };
  const after = (): void => {
    close();
    props.onChanged();
  };
  return (
    <div class="quick">
      {statement.status === "draft" && (
        <button type="button" class="primary" onClick={() => void issue()}>
          {t("issue")}
        </button>
      )}
      {statement.status === "issued" && may("chief_accountant") && (
        <button
          type="button"
          class="primary"
          onClick={() => {
            asking.value = "pay";
          }}
        >
          {t("pay")}
        </button>
      )}
      <button
        type="button"
        onClick={() => {
          asking.value = "hold";
        }}
      >
        {t("dispute")}
      </button>
      {asking.value === "pay" && <Paying {...props} onClose={close} onDone={after} />}
      {asking.value === "hold" && <Holding {...props} onClose={close} onDone={after} />}
    </div>
  );
}

function Paying(props: {
  statement: Statement;
  path: string;
  accounts: readonly string[];
  onClose: () => void;
  onDone: () => void;
}) {
  const account = useSignal(props.accounts[0] ?? "");
  const { statement } = props;
  const sum = moneyText(statement.payable_tiyn + statement.waiting_tiyn);
  const pay = (): Promise<boolean> =>
    attempt(async () => {
      const order = await send<{ number: number }>("POST", `${props.path}/payment`, {
        bank_account: account.value,
      });
      done(t("ordered", { number: String(order.number) }));
      props.onDone();
    }, "");
  return (
    <Dialog
      open
      title={t("payTitle", { sum, name: statement.carrier_name })}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button
            type="button"
            class="primary"
            disabled={account.value === ""}
            onClick={() => void pay()}
          >
            {t("payIt")}
          </button>
        </>
      }
    >
      <p>{t("payText")}</p>
      <SelectField
        label={t("payFrom")}
        value={account.value}
        choices={props.accounts.map((value) => ({ value, name: value }))}
        onValue={(value) => {
          account.value = value;
        }}
      />
    </Dialog>
  );
}

function Holding(props: {
  statement: Statement;
  path: string;
  onClose: () => void;
  onDone: () => void;
}) {
  const once = useOnce();
  const tiyn = useSignal<number | null>(null);
  const reason = useSignal("");
  const ready = tiyn.value !== null && reason.value.trim() !== "";
  const hold = async (): Promise<void> => {
    const held = await once.run((key) =>
      send<{ amount_tiyn: number }>("POST", `${props.path}/disputes`, {
        key,
        reason: reason.value.trim(),
        amount_tiyn: tiyn.value,
      }),
    );
    if (held === null) return;
    done(t("heldNow", { sum: moneyText(held.amount_tiyn) }));
    props.onDone();
  };
  return (
    <ActDialog
      once={once}
      title={t("disputeTitle", { number: props.statement.number ?? t("s_draft") })}
      confirm={t("holdIt")}
      ready={ready}
      onClose={props.onClose}
      onSubmit={hold}
      fields={
        <>
          <MoneyField
            label={t("amount")}
            required
            onValue={(value) => {
              tiyn.value = value;
            }}
          />
          <TextField
            label={t("reason")}
            required
            maxLength={400}
            value={reason.value}
            onValue={(value) => {
              reason.value = value;
            }}
          />
        </>
      }
    />
  );
}

interface Page {
  readonly parts: readonly Part[];
  readonly page: number;
}

/** Rides, refunds or runs; the next page begins behind the last number. */
function Parts(props: { title: string; path: string; csv: string }) {
  const parts = useSignal<readonly Part[]>([]);
  const more = useSignal(true);
  const fetchMore = async (): Promise<void> => {
    const last = parts.peek().at(-1);
    const after = last ? last.journal_no || last.tap_no || 0 : 0;
    try {
      const page = await getJson<Page>(props.path, { query: { after } });
      parts.value = [...parts.peek(), ...page.parts];
      more.value = page.parts.length >= page.page;
    } catch (error) {
      more.value = false;
      failed(error);
    }
  };
  useEffect(() => {
    void fetchMore();
  }, []);
  const columns: readonly Column<Part>[] = [
    {
      id: "time",
      name: t("time"),
      width: "140px",
      value: (one) => one.event_at ?? null,
      cell: (one) => (one.event_at ? momentText(Date.parse(one.event_at) / 1000, true) : "–"),
    },
    {
      id: "ride",
      name: t("ride"),
      head: true,
      value: (one) =>
        one.trip_id
          ? t("run", { trip: one.trip_id, metres: one.metres ?? 0 })
          : [one.tap_no ?? one.kind, one.route_id, one.vehicle_id].filter(Boolean).join(" · "),
    },
    {
      id: "card",
      name: t("card"),
      width: "110px",
      value: (one) => one.card,
      cell: (one) =>
        one.card && one.tap_no ? (
          <button
            type="button"
            class="inline"
            onClick={() => go({ room: "cards" }, { tap: String(one.tap_no) })}
          >
            {one.card}
          </button>
        ) : (
          "–"
        ),
    },
    money("amount", t("amount"), (one) => one.amount_tiyn),
    {
      id: "journal",
      name: t("journal"),
      width: "120px",
      value: (one) => one.journal_no,
      cell: (one) => (one.journal_no ? <JournalLink no={one.journal_no} /> : "–"),
    },
  ];
  return (
    <>
      <h3>{props.title}</h3>
      <Table
        label={props.title}
        columns={columns}
        rows={parts.value}
        key_of={(one) => `${one.journal_no} ${one.tap_no} ${one.trip_id ?? ""} ${one.event_at}`}
        csv={props.csv}
        min_px={640}
        empty={more.value ? null : <Empty>{t("noParts")}</Empty>}
        foot={
          more.value && (
            <button type="button" onClick={() => void fetchMore()}>
              {t("more")}
            </button>
          )
        }
      />
    </>
  );
}

export function ClaimPane(props: { claim_no: string; onClose: () => void }) {
  const path = `/api/finance/claims/${props.claim_no}`;
  const found = useResource<{ claim: Claim; lines: readonly ClaimLine[] }>(path);
  const line = useSignal<ClaimLine | null>(null);
  const columns: readonly Column<ClaimLine>[] = [
    text("what", t("what"), (one) => blockText(one.block), { head: true }),
    text("category", t("category"), (one) => one.category),
    text("product", t("product"), (one) => one.product_id),
    {
      id: "rides",
      name: t("rides"),
      width: "92px",
      number: true,
      value: (one) => one.rides,
      cell: (one) => numberText(one.rides),
    },
    money("each", t("each"), (one) => one.difference_tiyn, "112px"),
    money("amount", t("amount"), (one) => one.amount_tiyn),
  ];
  return (
    <section class="one-party" aria-label={t("claims")}>
      <Fetched of={found} rows={8}>
        {({ claim, lines }) => (
          <>
            <header>
              <h3>
                {claim.number} · {claim.funder}
              </h3>
              <Files path={path} />
              <IconButton icon="close" bare title={say("close")} onClick={props.onClose} />
            </header>
            <p>
              {claim.from_date} – {claim.to_date} · {moneyText(claim.amount_tiyn)} · {t("open")}{" "}
              {moneyText(claim.open_tiyn)}
            </p>
            <Table
              label={t("lines")}
              columns={columns}
              rows={lines}
              key_of={(one) => String(one.position)}
              csv={`claim-${claim.claim_no}`}
              min_px={600}
              selected={line.value === null ? null : String(line.value.position)}
              onOpen={(one) => {
                line.value = one;
              }}
            />
            {line.value !== null && (
              <Parts
                key={line.value.position}
                title={t("partsOf", {
                  what: `${blockText(line.value.block)} ${line.value.category}`,
                })}
                path={`${path}/lines/${line.value.position}/parts.json`}
                csv={`claim-${claim.claim_no}-${line.value.position}`}
              />
            )}
          </>
        )}
      </Fetched>
    </section>
  );
}
