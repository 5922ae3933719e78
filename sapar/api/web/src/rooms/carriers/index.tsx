/** What does each carrier get, for which rides, and is it paid? */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { JournalPlace } from "../../finance/journal";
import { t as say } from "../../i18n";
import { agencyUrl, send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { DayField, Switch } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { type Resource, useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, done } from "../../kit/toast";
import { may } from "../../shell/me";
import { choiceParam, textParam } from "../../shell/query";
import type { Room } from "../room";
import { money, text } from "./cells";
import { ContractPlace, Contracts, openContract, termsText } from "./contracts";
import { t } from "./messages";
import { ClaimPane, StatementPane, stateOf } from "./statement";
import type { All, Carrier, Claim, Dispute, Order, Statement } from "./types";
import "../people/room.css";
import "../cards/room.css";
import "../agents/room.css";
import "./room.css";

const views = ["carriers", "contracts", "statements", "orders", "claims", "disputes"] as const;
const view = choiceParam("show", "carriers", views);
const statement = textParam("statement", "carriers");
const claim = textParam("claim", "carriers");

function View() {
  const found = useResource<All>("/api/finance/carriers.json");
  return (
    <section class="page agents carriers" aria-label={t("title")}>
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
        <div class="actions">
          {may("chief_accountant") && found.data !== null && (
            <button type="button" onClick={() => openContract()}>
              {t("addContractDots")} <kbd>N</kbd>
            </button>
          )}
          {may("accountant", "chief_accountant") && <Settle onSettled={found.reload} />}
        </div>
      </header>
      <Fetched of={found} rows={12}>
        {(all) => (
          <>
            <Shown all={all} of={found} />
            <ContractPlace all={all} onChanged={found.reload} />
          </>
        )}
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function Shown({ all, of }: { all: All; of: Resource<All> }) {
  if (view.value === "carriers") return <Carriers all={all} />;
  if (view.value === "contracts") return <Contracts all={all} onChanged={of.reload} />;
  if (view.value === "orders") return <Orders all={all} />;
  if (view.value === "disputes") return <Disputes all={all} onChanged={of.reload} />;
  if (view.value === "claims") {
    return (
      <Beside
        pane={
          claim.value !== null && (
            <ClaimPane
              key={claim.value}
              claim_no={claim.value}
              onClose={() => {
                claim.value = null;
              }}
            />
          )
        }
      >
        <Table
          label={t("claims")}
          columns={claimColumns()}
          rows={all.claims}
          key_of={(one) => String(one.claim_no)}
          csv="claims"
          min_px={claim.value === null ? 640 : 380}
          selected={claim.value}
          onOpen={(one) => {
            claim.value = String(one.claim_no);
          }}
          empty={<Empty>{t("noClaims")}</Empty>}
        />
      </Beside>
    );
  }
  return (
    <Beside
      pane={
        statement.value !== null && (
          <StatementPane
            key={statement.value}
            statement_no={statement.value}
            accounts={all.bank_accounts}
            onChanged={of.reload}
            onClose={() => {
              statement.value = null;
            }}
          />
        )
      }
    >
      <Table
        label={t("statements")}
        columns={statementColumns(statement.value === null)}
        rows={all.statements}
        key_of={(one) => String(one.statement_no)}
        csv="statements"
        filter={statement.value === null}
        min_px={statement.value === null ? 860 : 400}
        selected={statement.value}
        onOpen={(one) => {
          statement.value = String(one.statement_no);
        }}
        empty={<Empty>{t("noStatements")}</Empty>}
      />
    </Beside>
  );
}

function Beside(props: { pane: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class={`agents-beside ${props.pane ? "has-one" : ""}`}>
      {props.children}
      {props.pane}
    </div>
  );
}

function contractText({ contract }: Carrier): string {
  return contract === null ? t("noContract") : termsText(contract);
}

function Carriers({ all }: { all: All }) {
  const columns: readonly Column<Carrier>[] = [
    text("name", t("carrier"), (one) => one.name, { head: true }),
    text("contract", t("contract"), contractText),
    money("clearing", t("clearing"), (one) => one.clearing_tiyn),
    money("late", t("late"), (one) => one.late_tiyn, "160px"),
    money("payable", t("payable"), (one) => one.payable_tiyn),
    money("hold", t("hold"), (one) => one.hold_tiyn, "112px"),
    money("owes", t("owes"), (one) => one.owes_tiyn, "112px"),
    text("to", t("settledTo"), (one) => one.settled_to ?? "–", { width: "116px" }),
  ];
  return (
    <Table
      label={t("carriers")}
      columns={columns}
      rows={all.carriers}
      key_of={(one) => one.carrier_id}
      csv="carriers"
      min_px={960}
      onOpen={(one) => {
        const newest = all.statements.find(({ carrier_id }) => carrier_id === one.carrier_id);
        view.value = "statements";
        statement.value = newest ? String(newest.statement_no) : null;
      }}
      empty={<Empty>{t("noCarriers")}</Empty>}
    />
  );
}

function statementColumns(wide: boolean): readonly Column<Statement>[] {
  const all: readonly (Column<Statement> | false)[] = [
    text("number", t("number"), (one) => one.number ?? t("s_draft"), {
      head: true,
      width: wide ? "120px" : "92px",
    }),
    text("carrier", t("carrier"), (one) => one.carrier_name),
    wide &&
      text("period", t("period"), (one) => `${one.from_date} – ${one.to_date}`, { width: "210px" }),
    text("state", t("state"), stateOf, { width: wide ? "190px" : "100px" }),
    wide && money("gross", t("gross"), (one) => one.gross_tiyn),
    wide && money("commission", t("commission"), (one) => one.commission_tiyn),
    money("payable", t("payable"), (one) => one.payable_tiyn, wide ? "132px" : "108px"),
  ];
  return all.filter((one) => one !== false);
}

function claimColumns(): readonly Column<Claim>[] {
  return [
    text("number", t("number"), (one) => one.number, { head: true }),
    text("funder", t("funder"), (one) => one.funder),
    text("period", t("period"), (one) => `${one.from_date} – ${one.to_date}`),
    money("amount", t("amount"), (one) => one.amount_tiyn),
    money("open", t("open"), (one) => one.open_tiyn),
  ];
}

function Orders({ all }: { all: All }) {
  const columns: readonly Column<Order>[] = [
    { id: "number", name: t("number"), width: "92px", number: true, value: (one) => one.number },
    text("day", t("day"), (one) => one.order_date, { width: "110px" }),
    text("payee", t("payee"), (one) => one.payee_name, { head: true }),
    text("pays", t("pays"), (one) => one.statements.join(", ")),
    money("amount", t("amount"), (one) => one.amount_tiyn),
    text("state", t("state"), (one) => (one.at_bank ? t("atBank") : t("s_paid"))),
    text("by", t("by"), (one) => one.made_by, { width: "110px" }),
  ];
  const path = "/api/finance/payment-orders/file";
  return (
    <>
      <p class="files">
        <a href={agencyUrl(path, { form: "1c" })} download>
          {t("for1c")}
        </a>
        <a href={agencyUrl(path, { form: "csv" })} download>
          {t("asCsv")}
        </a>
      </p>
      <Table
        label={t("orders")}
        columns={columns}
        rows={all.orders}
        key_of={(one) => String(one.order_no)}
        csv="payment-orders"
        min_px={820}
        first={{ column: "number", down: true }}
        empty={<Empty>{t("noOrders")}</Empty>}
      />
    </>
  );
}

function Disputes({ all, onChanged }: { all: All; onChanged: () => void }) {
  const decide = async (one: Dispute, decision: "release" | "reject"): Promise<void> => {
    const values = { sum: moneyText(one.amount_tiyn), carrier: one.carrier_id };
    const reason = await ask({
      title: t(`${decision}Title`, values),
      confirm: t(`${decision}It`),
      reason: t("reason"),
    });
    if (reason === null) return;
    const contract = all.contracts.find(({ carrier_id }) => carrier_id === one.carrier_id);
    const body = {
      decision,
      reason,
      ...(decision === "reject"
        ? contract?.city
          ? { destination: "city", city: contract.city }
          : { destination: "loss" }
        : {}),
    };
    const path = `/api/finance/disputes/${one.dispute_no}/decision`;
    const told = t(decision === "release" ? "released" : "rejected");
    if (await attempt(() => send("POST", path, body), told)) onChanged();
  };
  const state = (one: Dispute): string =>
    one.status === "open"
      ? t("d_open")
      : t(`d_${one.status}`, { who: one.decided_by ?? "", why: one.decision ?? "" });
  const columns: readonly Column<Dispute>[] = [
    text("carrier", t("carrier"), (one) => one.carrier_id, { head: true }),
    money("amount", t("amount"), (one) => one.amount_tiyn),
    text("reason", t("reason"), (one) => `${one.reason} (${one.opened_by})`),
    text("state", t("state"), state),
    {
      id: "act",
      name: "",
      width: "240px",
      sortable: false,
      csv: null,
      value: () => "",
      cell: (one) =>
        one.status === "open" &&
        may("chief_accountant") && (
          <span class="quick">
            <button type="button" onClick={() => void decide(one, "release")}>
              {t("release")}
            </button>
            <button type="button" onClick={() => void decide(one, "reject")}>
              {t("reject")}
            </button>
          </span>
        ),
    },
  ];
  return (
    <Table
      label={t("disputes")}
      columns={columns}
      rows={all.disputes}
      key_of={(one) => String(one.dispute_no)}
      csv="disputes"
      min_px={820}
      empty={<Empty>{t("noDisputes")}</Empty>}
    />
  );
}

function Settle({ onSettled }: { onSettled: () => void }) {
  const asking = useSignal(false);
  const from = useSignal("");
  const to = useSignal("");
  const close = (): void => {
    asking.value = false;
  };
  const settle = (): Promise<boolean> =>
    attempt(async () => {
      const settled = await send<{ lines: number }>(
        "POST",
        "/api/finance/statements",
        { from_date: from.value, to_date: to.value },
        { timeout_ms: 120_000 },
      );
      done(t("settled", { n: settled.lines }));
      close();
      view.value = "statements";
      onSettled();
    }, "");
  return (
    <>
      <button
        type="button"
        onClick={() => {
          asking.value = true;
        }}
      >
        {t("settle")}
      </button>
      <Dialog
        open={asking.value}
        title={t("settleTitle")}
        onClose={close}
        actions={
          <>
            <button type="button" onClick={close}>
              {say("cancel")}
            </button>
            <button
              type="button"
              class="primary"
              disabled={from.value === "" || to.value === ""}
              onClick={() => void settle()}
            >
              {t("settle").replace("…", "")}
            </button>
          </>
        }
      >
        <p>{t("settleText")}</p>
        <div class="filters">
          <DayField
            label={t("from")}
            value={from.value}
            onValue={(value) => {
              from.value = value;
            }}
          />
          <DayField
            label={t("to")}
            value={to.value}
            onValue={(value) => {
              to.value = value;
            }}
          />
        </div>
      </Dialog>
    </>
  );
}

export const room: Room = {
  View,
  keys: [
    {
      code: "KeyN",
      label: "N",
      text: () => t("keyContract"),
      run: () => {
        if (may("chief_accountant")) openContract();
      },
    },
  ],
  close: () => {
    const was = statement.value !== null || claim.value !== null;
    statement.value = null;
    claim.value = null;
    return was;
  },
};
