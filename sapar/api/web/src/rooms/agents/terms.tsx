/** What is agreed with an agent or a processor: every version, other terms, somebody new. */
import { signal, useSignal } from "@preact/signals";
import { ActDialog } from "../../finance/act-dialog";
import { CountField, PercentField, TengeField } from "../../finance/fields";
import { type Change, Changes, Foreseen, useForesight } from "../../finance/foresee";
import { t as shared } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import { send } from "../../kit/api";
import { CheckField, DayField, SelectField, Switch, TextField, type Typed } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { type Column, Table } from "../../kit/table";
import { done } from "../../kit/toast";
import { percentText } from "../../kit/when";
import { t } from "./messages";
import type { AnyTerms, Parties, Party, Terms, Version } from "./types";

interface Writing {
  readonly party: Party;
  /** null: somebody new. */
  readonly id: string | null;
  readonly name: string;
  readonly current: AnyTerms | null;
}

const writing = signal<Writing | null>(null);

/** Opens the dialog of other terms, or of somebody new. */
export function openTerms(of: Writing): void {
  writing.value = of;
}

function days(n: number): string {
  return t("days", { n });
}

/** What terms say, by row. */
function rowsOf(one: AnyTerms): readonly (readonly [string, string])[] {
  const register =
    one.register_due_h === null ? t("registersNone") : t("hours", { n: one.register_due_h });
  const shared_rows = [
    [t("registerDue"), register],
    [t("registerStart"), one.register_start.slice(0, 5)],
    [t("bin"), one.bin ?? ""],
    [t("iban"), one.iban ?? ""],
    [t("ourAccount"), one.bank_account_id ?? ""],
  ] as const;
  if (one.kind === undefined) {
    return [
      [t("fee"), percentText(one.fee_bp / 10_000, 2)],
      [t("feeFixed"), moneyText(one.fee_fixed_tiyn)],
      [t("payoutDays"), days(one.payout_days)],
      ...shared_rows,
    ];
  }
  return [
    [t("kind"), t(`k_${one.kind}`)],
    [t("limit"), one.kind === "prepaid" ? "" : limitText(one)],
    [t("commissionRate"), percentText(one.commission_bp / 10_000, 2)],
    [t("commissionLeast"), moneyText(one.commission_least_tiyn)],
    [
      t("commissionMost"),
      one.commission_most_tiyn === null ? "" : moneyText(one.commission_most_tiyn),
    ],
    [t("nettedTerm"), t(one.netted ? "yes" : "no")],
    [t("dueDays"), days(one.due_days)],
    ...shared_rows,
  ];
}

function limitText(one: AnyTerms): string {
  if (one.kind !== "postpaid") return "";
  return one.credit_limit_tiyn === null ? t("noLimit") : moneyText(one.credit_limit_tiyn);
}

type State = "past" | "holds" | "to_come";

/** Of those that have begun the newest day's hold, and of one day's the last that were agreed. */
export function statesOf(
  history: readonly Version[],
  today: string,
): ReadonlyMap<number, State | "over"> {
  const order = [...history].sort(
    (a, b) => a.terms.from_date.localeCompare(b.terms.from_date) || a.terms_no - b.terms_no,
  );
  const begun = order.filter((one) => one.terms.from_date <= today);
  const holds = begun.at(-1)?.terms_no;
  return new Map(
    order.map((one) => {
      const replaced = order.some(
        (other) => other.terms.from_date === one.terms.from_date && other.terms_no > one.terms_no,
      );
      if (replaced) return [one.terms_no, "over"];
      if (one.terms_no === holds) return [one.terms_no, "holds"];
      return [one.terms_no, one.terms.from_date > today ? "to_come" : "past"];
    }),
  );
}

export function History(props: { history: readonly Version[]; today: string; name: string }) {
  const states = statesOf(props.history, props.today);
  const columns: readonly Column<Version>[] = [
    {
      id: "from",
      name: t("from"),
      head: true,
      width: "110px",
      value: (one) => one.terms.from_date,
    },
    {
      id: "state",
      name: t("state"),
      width: "130px",
      value: (one) => t(`t_${states.get(one.terms_no) ?? "past"}`),
    },
    {
      id: "says",
      name: t("terms"),
      value: (one) =>
        rowsOf(one.terms)
          .slice(0, 3)
          .filter(([, value]) => value !== "")
          .map(([name, value]) => `${name}: ${value}`)
          .join(" · "),
    },
    { id: "by", name: t("by"), width: "110px", value: (one) => one.agreed_by },
  ];
  return (
    <>
      <h3>{t("terms")}</h3>
      <Table
        label={t("terms")}
        columns={columns}
        rows={props.history}
        key_of={(one) => String(one.terms_no)}
        csv={`terms-${props.name}`}
        first={{ column: "from", down: true }}
        min_px={560}
      />
    </>
  );
}

interface Draft {
  readonly id: string;
  readonly name: string;
  readonly from_date: string;
  readonly kind: "postpaid" | "prepaid";
  readonly no_limit: boolean;
  readonly limit: Typed;
  readonly share: Typed;
  readonly least: Typed;
  readonly most: Typed;
  readonly netted: boolean;
  readonly fixed: Typed;
  readonly days: Typed;
  readonly register_h: Typed;
  readonly register_start: string;
  readonly bin: string;
  readonly iban: string;
  readonly account: string;
  readonly reason: string;
}

function draftOf(of: Writing, today: string): Draft {
  const one = of.current;
  const agent = one !== null && one.kind !== undefined ? one : null;
  const processor = one !== null && one.kind === undefined ? one : null;
  return {
    id: of.id ?? "",
    name: of.name,
    from_date: today,
    kind: agent?.kind ?? "postpaid",
    no_limit: agent !== null && agent.kind === "postpaid" && agent.credit_limit_tiyn === null,
    limit: agent?.credit_limit_tiyn ?? null,
    share: agent?.commission_bp ?? processor?.fee_bp ?? 0,
    least: agent?.commission_least_tiyn ?? 0,
    most: agent?.commission_most_tiyn ?? null,
    netted: agent?.netted ?? false,
    fixed: processor?.fee_fixed_tiyn ?? 0,
    days: agent?.due_days ?? processor?.payout_days ?? 1,
    register_h: one?.register_due_h ?? null,
    register_start: one?.register_start ?? "04:00:00",
    bin: one?.bin ?? "",
    iban: one?.iban ?? "",
    account: one?.bank_account_id ?? "",
    reason: "",
  };
}

/** What is sent as terms; null while a field holds no value. */
export function termsOf(party: Party, draft: Draft): Terms | null {
  const { limit, share, least, most, fixed, days: until, register_h } = draft;
  if (draft.from_date === "" || share == null || until == null) return null;
  if (register_h === undefined) return null;
  const both = {
    from_date: draft.from_date,
    register_due_h: register_h,
    register_start: draft.register_start,
    bin: draft.bin.replace(/\s/g, "") || null,
    iban: draft.iban.replace(/\s/g, "").toUpperCase() || null,
    bank_account_id: draft.account || null,
  };
  if (party === "processor") {
    if (fixed == null) return null;
    return { ...both, fee_bp: share, fee_fixed_tiyn: fixed, payout_days: until };
  }
  if (least == null || most === undefined) return null;
  const owes = draft.kind === "postpaid" && !draft.no_limit;
  if (owes && limit == null) return null;
  return {
    ...both,
    kind: draft.kind,
    credit_limit_tiyn: owes ? (limit ?? null) : null,
    commission_bp: share,
    commission_least_tiyn: least,
    commission_most_tiyn: most,
    netted: draft.netted,
    due_days: until,
  };
}

/** The place of the dialog; the room holds it. */
export function TermsPlace(props: { all: Parties; onChanged: () => void }) {
  const now = writing.value;
  return now ? <Write key={`${now.party} ${now.id}`} of={now} {...props} /> : null;
}

interface Told {
  readonly before: AnyTerms | null;
  readonly after: AnyTerms;
  readonly later: readonly Version[];
  readonly owes_tiyn: number;
  readonly over_tiyn: number;
  readonly repeated: boolean;
}

function Write(props: { of: Writing; all: Parties; onChanged: () => void }) {
  const { of, all } = props;
  const { party } = of;
  const once = useOnce();
  const draft = useSignal(draftOf(of, all.today));
  const set = (change: Partial<Draft>): void => {
    draft.value = { ...draft.value, ...change };
  };
  const terms = termsOf(party, draft.value);
  const isNew = of.id === null;
  const id = draft.value.id.trim();
  const path = `/api/finance/agents/${party}/${encodeURIComponent(id)}`;
  const foresight = useForesight<Told>(
    `${path}/terms/foresee`,
    isNew || terms === null ? null : { terms },
  );
  const known = foresight.told !== null && !foresight.told.repeated;
  const named = isNew
    ? id !== "" && draft.value.name.trim() !== ""
    : draft.value.reason.trim() !== "";
  const ready = terms !== null && named && (isNew || known);
  const close = (): void => {
    writing.value = null;
  };
  const save = async (): Promise<void> => {
    if (terms === null) return;
    const before = foresight.told?.before ?? null;
    const body = { terms, reason: draft.value.reason.trim(), name: draft.value.name.trim() };
    const agreed = await once.run(() => send("POST", isNew ? path : `${path}/terms`, body));
    if (agreed === null) return;
    close();
    const values = { name: draft.value.name.trim() || id, day: terms.from_date };
    // what held before is agreed on again, for the same day: both stay on record
    const back = async (): Promise<void> => {
      const again = { ...before, from_date: terms.from_date };
      await send("POST", `${path}/terms`, { terms: again, reason: t("termsUndone") });
      props.onChanged();
    };
    done(t(isNew ? "registered" : "agreed", values), isNew || before === null ? null : back);
    props.onChanged();
  };
  return (
    <ActDialog
      once={once}
      wide
      title={isNew ? t(`new_${party}`) : t("termsTitle", { name: of.name })}
      confirm={t(isNew ? "registerIt" : "agree")}
      ready={ready}
      onClose={close}
      onSubmit={save}
      fields={
        <>
          <Fields party={party} isNew={isNew} all={all} draft={draft.value} set={set} />
          {!isNew && (
            <TextField
              label={shared("reason")}
              hint={shared("reasonHint")}
              required
              maxLength={400}
              value={draft.value.reason}
              onValue={(reason) => set({ reason })}
            />
          )}
        </>
      }
    >
      {!isNew && (
        <Foreseen of={foresight} title={t("whatChanges")}>
          {(told) => <WhatChanges told={told} />}
        </Foreseen>
      )}
      <p class="quiet">{t(isNew ? "registerUndo" : "termsUndo")}</p>
    </ActDialog>
  );
}

function WhatChanges({ told }: { told: Told }) {
  const { before, after, later } = told;
  if (told.repeated) return <p class="quiet">{t("termsThere")}</p>;
  const was = new Map(before === null ? [] : rowsOf(before));
  const rows: readonly Change[] = rowsOf(after).map(([name, value]) => ({
    name,
    before: was.get(name) ?? "",
    after: value,
  }));
  const next = later.map(({ terms }) => terms.from_date).sort()[0];
  return (
    <>
      <p>
        {next === undefined
          ? t("holdsFrom", { from: after.from_date })
          : t("holdsUntil", { from: after.from_date, next })}
      </p>
      {told.over_tiyn > 0 && (
        <p class="note-bar" role="status">
          {t("overLimit", { owes: moneyText(told.owes_tiyn), over: moneyText(told.over_tiyn) })}
        </p>
      )}
      <Changes
        rows={rows}
        first={before === null}
        before={before === null ? "" : t("since", { day: before.from_date })}
        after={t("since", { day: after.from_date })}
      />
    </>
  );
}

function Fields(props: {
  party: Party;
  isNew: boolean;
  all: Parties;
  draft: Draft;
  set: (change: Partial<Draft>) => void;
}) {
  const { party, isNew, all, draft, set } = props;
  return (
    <>
      <div class="form-grid">
        {isNew && (
          <>
            <TextField
              label={t("id")}
              hint={t("idHint")}
              required
              maxLength={40}
              value={draft.id}
              onValue={(id) => set({ id })}
            />
            <TextField
              label={t("name")}
              required
              maxLength={200}
              value={draft.name}
              onValue={(name) => set({ name })}
            />
          </>
        )}
        <DayField
          label={t("validFrom")}
          hint={isNew ? "" : t("validFromHint")}
          required
          value={draft.from_date}
          onValue={(from_date) => set({ from_date })}
        />
      </div>
      {party === "agent" && (
        <Switch
          label={t("kind")}
          value={draft.kind}
          choices={(["postpaid", "prepaid"] as const).map((value) => ({
            value,
            name: t(`k_${value}`),
          }))}
          onValue={(kind) => set({ kind })}
        />
      )}
      {party === "agent" && draft.kind === "postpaid" && (
        <CheckField
          label={t("noLimitTick")}
          checked={draft.no_limit}
          onChecked={(no_limit) => set({ no_limit })}
        />
      )}
      <div class="form-grid">
        {party === "agent" ? (
          <AgentFields draft={draft} set={set} />
        ) : (
          <ProcessorFields draft={draft} set={set} />
        )}
        <CountField
          label={t("registerDue")}
          hint={t("registerHint")}
          unit={t("hoursUnit")}
          value={draft.register_h ?? null}
          onValue={(register_h) => set({ register_h })}
        />
        <TextField
          label={t("bin")}
          maxLength={14}
          value={draft.bin}
          onValue={(bin) => set({ bin })}
        />
        <TextField
          label={t("iban")}
          maxLength={42}
          value={draft.iban}
          onValue={(iban) => set({ iban })}
        />
        <SelectField
          label={t("ourAccount")}
          none={t("anyAccount")}
          value={draft.account}
          choices={[...new Set([...all.bank_accounts, draft.account])]
            .filter((one) => one !== "")
            .map((value) => ({ value, name: value }))}
          onValue={(account) => set({ account })}
        />
      </div>
      {party === "agent" && (
        <CheckField
          label={t("nettedTick")}
          checked={draft.netted}
          onChecked={(netted) => set({ netted })}
        />
      )}
    </>
  );
}

interface Part {
  readonly draft: Draft;
  readonly set: (change: Partial<Draft>) => void;
}

function AgentFields({ draft, set }: Part) {
  return (
    <>
      {draft.kind === "postpaid" && !draft.no_limit && (
        <TengeField
          label={t("limit")}
          required
          value={draft.limit ?? null}
          onValue={(limit) => set({ limit })}
        />
      )}
      <PercentField
        label={t("commissionRate")}
        required
        value={draft.share ?? null}
        onValue={(share) => set({ share })}
      />
      <TengeField
        label={t("commissionLeast")}
        required
        value={draft.least ?? null}
        onValue={(least) => set({ least })}
      />
      <TengeField
        label={t("commissionMost")}
        hint={t("emptyNone")}
        value={draft.most ?? null}
        onValue={(most) => set({ most })}
      />
      <CountField
        label={t("dueDays")}
        unit={t("daysUnit")}
        required
        value={draft.days ?? null}
        onValue={(value) => set({ days: value })}
      />
    </>
  );
}

function ProcessorFields({ draft, set }: Part) {
  return (
    <>
      <PercentField
        label={t("fee")}
        required
        value={draft.share ?? null}
        onValue={(share) => set({ share })}
      />
      <TengeField
        label={t("feeFixed")}
        required
        value={draft.fixed ?? null}
        onValue={(fixed) => set({ fixed })}
      />
      <CountField
        label={t("payoutDays")}
        unit={t("daysUnit")}
        required
        value={draft.days ?? null}
        onValue={(value) => set({ days: value })}
      />
    </>
  );
}
