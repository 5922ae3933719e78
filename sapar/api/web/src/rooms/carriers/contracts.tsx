/** Contracts: every version with the days that it counts for, a new one, one that is withdrawn. */
import { signal, useSignal } from "@preact/signals";
import { ActDialog } from "../../finance/act-dialog";
import { PercentField, TengeField } from "../../finance/fields";
import { type Change, Changes, Foreseen, useForesight } from "../../finance/foresee";
import { useOnce } from "../../finance/once";
import { send } from "../../kit/api";
import { ask } from "../../kit/dialog";
import { DayField, SelectField, Switch, TextField, type Typed } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { attempt, done } from "../../kit/toast";
import { percentText } from "../../kit/when";
import { may } from "../../shell/me";
import { text } from "./cells";
import { t } from "./messages";
import type { All, Contract } from "./types";

const kinds = ["net", "gross_km", "boarding"] as const;

/** The version that a new one begins from; "" for none. */
const writing = signal<Partial<Contract> | null>(null);

/** Opens the dialog of a new version. */
export function openContract(like: Partial<Contract> = {}): void {
  writing.value = like;
}

export function termsText(one: Contract): string {
  if (one.kind === "net") return t("net", { percent: percentText(one.commission_bp / 10_000, 2) });
  return t(one.kind, { rate: moneyText(one.rate_tiyn), city: one.city });
}

type State = "past" | "holds" | "to_come";

export function stateOfContract(one: Contract, today: string): State {
  if (one.valid_from > today) return "to_come";
  return one.valid_to !== null && one.valid_to < today ? "past" : "holds";
}

export function Contracts({ all, onChanged }: { all: All; onChanged: () => void }) {
  const chief = may("chief_accountant");
  const withdraw = async (one: Contract): Promise<void> => {
    const values = { name: one.carrier_name, day: one.valid_from };
    const reason = await ask({
      title: t("withdrawTitle", values),
      text: t("withdrawText"),
      confirm: t("withdrawIt"),
      reason: t("reason"),
    });
    if (reason === null) return;
    const path = `/api/finance/contracts/${one.contract_no}/withdraw`;
    const back = async (): Promise<void> => {
      await send("POST", "/api/finance/contracts", asNew(one));
      onChanged();
    };
    if (await attempt(() => send("POST", path, { reason }), t("withdrawn", values), back)) {
      onChanged();
    }
  };
  const columns: readonly Column<Contract>[] = [
    text("carrier", t("carrier"), (one) => one.carrier_name, { head: true }),
    text("from", t("from"), (one) => one.valid_from, { width: "110px" }),
    text("to", t("to"), (one) => one.valid_to ?? "–", { width: "110px" }),
    text("state", t("state"), (one) => t(`c_${stateOfContract(one, all.today)}`), {
      width: "120px",
    }),
    text("terms", t("contract"), termsText, { width: "28%" }),
    text("title", t("paper"), (one) => one.title),
    text("by", t("by"), (one) => one.created_by, { width: "110px" }),
    {
      id: "act",
      name: "",
      width: "120px",
      sortable: false,
      csv: null,
      value: () => "",
      cell: (one) =>
        chief &&
        !one.used && (
          <span class="quick">
            <button
              type="button"
              onClick={(event) => {
                event.stopPropagation();
                void withdraw(one);
              }}
            >
              {t("withdraw")}
            </button>
          </span>
        ),
    },
  ];
  return (
    <>
      <p class="quiet">{t("contractsText")}</p>
      <Table
        label={t("contracts")}
        columns={columns}
        rows={all.contracts}
        key_of={(one) => String(one.contract_no)}
        csv="contracts"
        min_px={1080}
        filter
        first={{ column: "from", down: true }}
        {...(chief ? { onOpen: (one: Contract) => openContract(one) } : {})}
        empty={<Empty>{t("noContracts")}</Empty>}
      />
    </>
  );
}

/** What the server takes for a version. */
function asNew(one: Contract): Readonly<Record<string, unknown>> {
  return {
    carrier_id: one.carrier_id,
    valid_from: one.valid_from,
    kind: one.kind,
    commission_bp: one.commission_bp,
    rate_tiyn: one.rate_tiyn,
    city: one.city,
    funder: one.funder,
    title: one.title,
    payee_name: one.payee_name,
    payee_bin: one.payee_bin,
    payee_iban: one.payee_iban,
    payee_bic: one.payee_bic,
  };
}

interface Draft {
  readonly carrier_id: string;
  readonly valid_from: string;
  readonly kind: Contract["kind"];
  readonly commission_bp: Typed;
  readonly rate_tiyn: Typed;
  readonly city: string;
  readonly funder: string;
  readonly title: string;
  readonly payee_name: string;
  readonly payee_bin: string;
  readonly payee_iban: string;
  readonly payee_bic: string;
}

/** What is sent of a draft; null while it is not complete. */
export function bodyOf(draft: Draft): Readonly<Record<string, unknown>> | null {
  const net = draft.kind === "net";
  const { commission_bp, rate_tiyn } = draft;
  const known = [draft.carrier_id, draft.valid_from, draft.payee_bin, draft.payee_iban];
  if (known.some((one) => one.trim() === "")) return null;
  if (net ? typeof commission_bp !== "number" : !rate_tiyn || draft.city.trim() === "") return null;
  return {
    carrier_id: draft.carrier_id,
    valid_from: draft.valid_from,
    kind: draft.kind,
    commission_bp: net ? commission_bp : 0,
    rate_tiyn: net ? null : rate_tiyn,
    city: net ? "" : draft.city.trim(),
    funder: net || draft.funder.trim() === "" ? null : draft.funder.trim(),
    title: draft.title.trim(),
    payee_name: draft.payee_name.trim(),
    payee_bin: draft.payee_bin.replace(/\s/g, ""),
    payee_iban: draft.payee_iban.replace(/\s/g, "").toUpperCase(),
    payee_bic: draft.payee_bic.trim().toUpperCase(),
  };
}

/** The place of the dialog; the room holds it. */
export function ContractPlace(props: { all: All; onChanged: () => void }) {
  const like = writing.value;
  return like ? <Writing key={like.contract_no ?? 0} like={like} {...props} /> : null;
}

interface Told {
  readonly before: Contract | null;
  readonly after: Contract;
  readonly next_from: string | null;
  readonly repeated: boolean;
}

function Writing(props: { like: Partial<Contract>; all: All; onChanged: () => void }) {
  const { like, all } = props;
  const once = useOnce();
  const draft = useSignal<Draft>({
    carrier_id:
      like.carrier_id ?? (all.carriers.length === 1 ? (all.carriers[0]?.carrier_id ?? "") : ""),
    valid_from: "",
    kind: like.kind ?? "net",
    commission_bp: like.commission_bp ?? null,
    rate_tiyn: like.rate_tiyn ?? null,
    city: like.city ?? "",
    funder: like.funder ?? "",
    title: like.title ?? "",
    payee_name: like.payee_name ?? "",
    payee_bin: like.payee_bin ?? "",
    payee_iban: like.payee_iban ?? "",
    payee_bic: like.payee_bic ?? "",
  });
  const set = (change: Partial<Draft>): void => {
    draft.value = { ...draft.value, ...change };
  };
  const body = bodyOf(draft.value);
  const foresight = useForesight<Told>("/api/finance/contracts/foresee", body);
  const close = (): void => {
    writing.value = null;
  };
  const save = async (): Promise<void> => {
    if (body === null) return;
    const added = await once.run(() => send<Contract>("POST", "/api/finance/contracts", body));
    if (added === null) return;
    close();
    const values = { name: added.carrier_name, day: added.valid_from };
    done(t("contractAdded", values), async () => {
      const reason = t("contractUndone");
      await send("POST", `/api/finance/contracts/${added.contract_no}/withdraw`, { reason });
      props.onChanged();
    });
    props.onChanged();
  };
  return (
    <ActDialog
      once={once}
      wide
      title={t("newContract")}
      confirm={t("addContract")}
      ready={foresight.told !== null && !foresight.told.repeated}
      onClose={close}
      onSubmit={save}
      fields={<Fields all={all} draft={draft.value} set={set} />}
    >
      <Foreseen of={foresight} title={t("whatChanges")}>
        {(told) => <WhatChanges told={told} />}
      </Foreseen>
      <p class="quiet">{t("contractUndo")}</p>
    </ActDialog>
  );
}

function Fields(props: { all: All; draft: Draft; set: (change: Partial<Draft>) => void }) {
  const { all, draft, set } = props;
  const cities = [...new Set(all.contracts.map(({ city }) => city))].filter((one) => one !== "");
  const funders = [...new Set(all.contracts.map(({ funder }) => funder ?? ""))].filter(Boolean);
  return (
    <>
      <div class="form-grid">
        <SelectField
          label={t("carrier")}
          required
          none="–"
          value={draft.carrier_id}
          choices={all.carriers.map(({ carrier_id, name }) => ({ value: carrier_id, name }))}
          onValue={(carrier_id) => set({ carrier_id })}
        />
        <DayField
          label={t("validFrom")}
          hint={t("validFromHint")}
          required
          value={draft.valid_from}
          onValue={(valid_from) => set({ valid_from })}
        />
      </div>
      <Switch
        label={t("kind")}
        value={draft.kind}
        choices={kinds.map((value) => ({ value, name: t(`kind_${value}`) }))}
        onValue={(kind) => set({ kind })}
      />
      <p class="quiet">
        {t(`about_${draft.kind}`)} {t("aboutPasses")}
      </p>
      <div class="form-grid">
        {draft.kind === "net" ? (
          <PercentField
            label={t("commission")}
            required
            value={draft.commission_bp ?? null}
            onValue={(commission_bp) => set({ commission_bp })}
          />
        ) : (
          <>
            <TengeField
              label={t(draft.kind === "boarding" ? "rateBoarding" : "rateKm")}
              required
              value={draft.rate_tiyn ?? null}
              onValue={(rate_tiyn) => set({ rate_tiyn })}
            />
            <TextField
              label={t("city")}
              required
              maxLength={64}
              options={cities}
              value={draft.city}
              onValue={(city) => set({ city })}
            />
            <TextField
              label={t("funder")}
              hint={t("funderHint")}
              maxLength={64}
              options={funders}
              value={draft.funder}
              onValue={(funder) => set({ funder })}
            />
          </>
        )}
        <TextField
          label={t("paper")}
          maxLength={200}
          value={draft.title}
          onValue={(title) => set({ title })}
        />
        <TextField
          label={t("payeeName")}
          hint={t("payeeNameHint")}
          maxLength={200}
          value={draft.payee_name}
          onValue={(payee_name) => set({ payee_name })}
        />
        <TextField
          label={t("bin")}
          required
          maxLength={14}
          value={draft.payee_bin}
          onValue={(payee_bin) => set({ payee_bin })}
        />
        <TextField
          label={t("iban")}
          required
          maxLength={42}
          value={draft.payee_iban}
          onValue={(payee_iban) => set({ payee_iban })}
        />
        <TextField
          label={t("bic")}
          maxLength={11}
          value={draft.payee_bic}
          onValue={(payee_bic) => set({ payee_bic })}
        />
      </div>
    </>
  );
}

/** What two versions say, row by row. */
export function changesOf(before: Contract | null, after: Contract): readonly Change[] {
  const rows: readonly (readonly [string, (one: Contract) => string])[] = [
    [t("kind"), (one) => t(`kind_${one.kind}`)],
    [
      t("commission"),
      (one) => (one.kind === "net" ? percentText(one.commission_bp / 10_000, 2) : ""),
    ],
    [t("rate"), (one) => (one.rate_tiyn === null ? "" : moneyText(one.rate_tiyn))],
    [t("city"), (one) => one.city],
    [t("funder"), (one) => one.funder ?? ""],
    [t("paper"), (one) => one.title],
    [t("payeeName"), (one) => one.payee_name],
    [t("bin"), (one) => one.payee_bin],
    [t("iban"), (one) => one.payee_iban],
    [t("bic"), (one) => one.payee_bic],
  ];
  return rows.map(([name, of]) => ({
    name,
    before: before === null ? "" : of(before),
    after: of(after),
  }));
}

function WhatChanges({ told }: { told: Told }) {
  const { before, after, next_from } = told;
  if (told.repeated) return <p class="quiet">{t("contractThere")}</p>;
  return (
    <>
      <p>
        {next_from === null
          ? t("holdsFrom", { from: after.valid_from })
          : t("holdsUntil", { from: after.valid_from, next: next_from })}{" "}
        {before === null && t("firstVersion")}
      </p>
      <Changes
        rows={changesOf(before, after)}
        first={before === null}
        before={before === null ? "" : t("since", { day: before.valid_from })}
        after={t("since", { day: after.valid_from })}
      />
    </>
  );
}
