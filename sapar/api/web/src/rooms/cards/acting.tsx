/**
 * Operations on a card: a dialog each that says what it will post, a reason always, once under a
 * key, a receipt at the end.
 */
import { signal, useSignal } from "@preact/signals";
import { ActDialog } from "../../finance/act-dialog";
import { Entries, moneyOf } from "../../finance/entries";
import { Foreseen, useForesight } from "../../finance/foresee";
import { t as money } from "../../finance/messages";
import { newKey, useOnce } from "../../finance/once";
import { send } from "../../kit/api";
import { TextField } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { Fields } from "./acting-fields";
import { kindText, stateText, t } from "./messages";
import { openReceipt } from "./receipt";
import type { Card, Choices, Operation, Pass, Receipt, Ride, Foreseen as Told } from "./types";

export interface Doing {
  readonly operation: Operation;
  readonly ride?: Ride;
  readonly pass?: Pass;
}

const doing = signal<Doing | null>(null);

export function openOperation(operation: Operation, ride?: Ride): void {
  doing.value = ride ? { operation, ride } : { operation };
}

export function openTakeBack(pass: Pass): void {
  doing.value = { operation: "take_back_pass", pass };
}

const quick: Readonly<Record<Operation, readonly Parameters<typeof t>[0][]>> = {
  top_up: ["quick_cash"],
  block: ["quick_lost"],
  unblock: ["quick_found"],
  replace: ["quick_broken", "quick_lost"],
  change_category: ["quick_proof"],
  refund_tap: ["quick_double", "quick_bus"],
  goodwill: ["quick_bus"],
  write_off: [],
  sell_pass: ["quick_pass"],
  take_back_pass: ["quick_mistake"],
  withdraw: ["quick_asks"],
  return: ["quick_asks", "quick_broken"],
  pay_out: ["quick_transfer"],
};

/** The place of the dialog; the room holds it. */
export function ActingPlace(props: { card: Card; choices: Choices; onDone: () => void }) {
  const now = doing.value;
  return now ? (
    <Act
      key={`${now.operation} ${now.ride?.tap_no ?? now.pass?.[3] ?? ""}`}
      doing={now}
      {...props}
    />
  ) : null;
}

export interface Values {
  readonly tiyn: number | null;
  readonly desk: string;
  readonly block: string;
  readonly new_card: string;
  readonly category: string;
  readonly no_ride: boolean;
  readonly settled: boolean;
  /** Place in `passes_on_offer`. */
  readonly offer: string;
  /** The card's own balance pays the pass. */
  readonly from_purse: boolean;
  readonly channel: string;
  readonly bank: string;
}

const desk_key = "sapar.cash-desk";

/** What an operation takes beside its reason; null while it is not complete. */
export function valuesOf(
  { operation, ride, pass }: Doing,
  v: Values,
  card: Card,
): Readonly<Record<string, unknown>> | null {
  if (operation === "top_up") {
    const desk = v.desk.trim();
    if (v.tiyn === null || desk === "") return null;
    return { amount_tiyn: v.tiyn, paid: { by: "cash_desk", name: desk } };
  }
  if (operation === "sell_pass") {
    const offer = card.passes_on_offer[Number(v.offer)];
    if (!offer || (!v.from_purse && v.desk.trim() === "")) return null;
    const { product_id, price_tiyn, valid_from_ms, valid_to_ms } = offer;
    const sold = { product_id, price_tiyn, valid_from_ms, valid_to_ms };
    return v.from_purse ? sold : { ...sold, paid: { by: "cash_desk", name: v.desk.trim() } };
  }
  if (operation === "take_back_pass") return pass ? { sale_no: pass[3] } : null;
  if (operation === "return") return { channel: v.channel };
  if (operation === "withdraw" || operation === "pay_out") {
    if (v.tiyn === null || (operation === "pay_out" && v.bank === "")) return null;
    const owed = { amount_tiyn: v.tiyn, channel: v.channel };
    return operation === "pay_out" ? { ...owed, bank: v.bank } : owed;
  }
  if (operation === "block") return { reason: v.block };
  if (operation === "replace") {
    return v.new_card.trim() === "" ? null : { new_card_ref: v.new_card.trim() };
  }
  if (operation === "change_category") return v.category === "" ? null : { category: v.category };
  if (operation === "goodwill") return v.tiyn === null ? null : { amount_tiyn: v.tiyn };
  const amount = v.tiyn === null ? {} : { amount_tiyn: v.tiyn };
  if (operation === "write_off") return amount;
  if (operation === "refund_tap" && ride) {
    return { tap_no: ride.tap_no, settled: v.settled, no_ride: v.no_ride, ...amount };
  }
  return {};
}

/** What the receipt says that was paid, or given back. */
function amountOf({ operation, pass }: Doing, v: Values, card: Card): number | null {
  if (operation === "sell_pass") {
    return card.passes_on_offer[Number(v.offer)]?.price_tiyn ?? null;
  }
  return pass ? pass[4] : v.tiyn;
}

/** The desk to begin with: the one that was used last, or the only one. */
function firstDesk(choices: Choices): string {
  const last = localStorage.getItem(desk_key) ?? "";
  if (!choices.desks_kept) return last;
  const mine = choices.desks.map(({ desk_id }) => desk_id);
  if (mine.includes(last)) return last;
  return mine.length === 1 ? (mine[0] ?? "") : "";
}

function Act(props: { doing: Doing; card: Card; choices: Choices; onDone: () => void }) {
  const { card, choices } = props;
  const { operation, ride, pass } = props.doing;
  const once = useOnce();
  const reason = useSignal("");
  const values = useSignal<Values>({
    tiyn: null,
    desk: firstDesk(choices),
    block: "lost",
    new_card: "",
    category: "",
    no_ride: false,
    settled: false,
    offer: "0",
    from_purse: false,
    channel: choices.channels[0] ?? "",
    bank: choices.bank_accounts[0] ?? "",
  });
  const looked = useSignal(newKey());
  const asked = valuesOf(props.doing, values.value, card);
  const foresight = useForesight<Told>(
    `/api/finance/cards/${card.card_no}/foresee`,
    asked === null ? null : { operation, key: looked.value, reason: "", values: asked },
  );
  const close = (): void => {
    doing.value = null;
  };
  const submit = async (): Promise<void> => {
    if (asked === null) return;
    if (values.value.desk !== "") localStorage.setItem(desk_key, values.value.desk.trim());
    const done = await once.run((key) =>
      send<{ time_s: number; receipt: Receipt; repeated: boolean; key: string }>(
        "POST",
        `/api/finance/cards/${card.card_no}/operations`,
        { operation, key, reason: reason.value.trim(), values: asked },
      ),
    );
    if (done === null) return;
    close();
    props.onDone();
    openReceipt({
      card: card.label,
      key: done.key,
      kind: operation,
      amount_tiyn: amountOf(props.doing, values.value, card),
      reason: reason.value.trim(),
      receipt: done.receipt,
      at_s: done.time_s,
      actor: null,
      repeated: done.repeated,
    });
  };
  const name = t(`dialog_${operation}`, {
    card: card.label,
    no: String(ride?.tap_no ?? pass?.[3] ?? ""),
  });
  return (
    <ActDialog
      once={once}
      wide
      title={name}
      confirm={money("doIt")}
      ready={asked !== null && reason.value.trim() !== "" && foresight.told !== null}
      onClose={close}
      onSubmit={submit}
      fields={
        <>
          <Fields
            {...props}
            values={values.value}
            onValues={(change) => {
              values.value = { ...values.value, ...change };
            }}
          />
          <TextField
            label={money("reason")}
            hint={money("reasonHint")}
            required
            maxLength={400}
            options={quick[operation].map((key) => t(key))}
            value={reason.value}
            onValue={(value) => {
              reason.value = value;
            }}
          />
        </>
      }
    >
      <Foreseen of={foresight} title={t("willPost")}>
        {(told) => <WillPost told={told} />}
      </Foreseen>
      <p class="quiet">{t(`undo_${operation}`)}</p>
    </ActDialog>
  );
}

function WillPost({ told }: { told: Told }) {
  const { receipt, journals, journal_count } = told;
  return (
    <>
      {journals.length === 0 && <p>{t("postsNothing")}</p>}
      {journals.map((one) => (
        <div key={one.journal_no}>
          <p>
            <strong>{kindText(one.tap_no === null ? one.kind : "ride")}</strong>
            {one.tap_no !== null && ` ${one.tap_no}`}
          </p>
          <Entries entries={moneyOf(one.entries)} />
        </div>
      ))}
      {journal_count > journals.length && (
        <p>{t("postsMore", { n: journal_count - journals.length })}</p>
      )}
      <p>
        {t("afterIt", {
          sum: moneyText(receipt.purse_tiyn - receipt.debt_tiyn),
          state: stateText(receipt.status),
        })}
      </p>
    </>
  );
}
