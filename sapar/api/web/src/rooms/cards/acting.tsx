/** Operations on a card: a dialog each, a reason always, once under a key, a receipt at the end. */
import { signal, useSignal } from "@preact/signals";
import { t as money } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { CheckField, SelectField, TextField } from "../../kit/fields";
import { MoneyField, moneyText } from "../../kit/money";
import { blockText, t } from "./messages";
import { openReceipt } from "./receipt";
import type { Card, Choices, Operation, Receipt, Ride } from "./types";

interface Doing {
  readonly operation: Operation;
  readonly ride?: Ride;
}

const doing = signal<Doing | null>(null);

export function openOperation(operation: Operation, ride?: Ride): void {
  doing.value = ride ? { operation, ride } : { operation };
}

const reasons = ["lost", "stolen", "fraud", "debt", "other"] as const;

const quick: Readonly<Record<Operation, readonly Parameters<typeof t>[0][]>> = {
  top_up: ["quick_cash"],
  block: ["quick_lost"],
  unblock: ["quick_found"],
  replace: ["quick_broken", "quick_lost"],
  change_category: ["quick_proof"],
  refund_tap: ["quick_double", "quick_bus"],
  goodwill: ["quick_bus"],
  write_off: [],
};

/** The place of the dialog; the room holds it. */
export function ActingPlace(props: { card: Card; choices: Choices; onDone: () => void }) {
  const now = doing.value;
  return now ? (
    <Act key={`${now.operation} ${now.ride?.tap_no ?? ""}`} doing={now} {...props} />
  ) : null;
}

interface Values {
  readonly tiyn: number | null;
  readonly desk: string;
  readonly block: string;
  readonly new_card: string;
  readonly category: string;
  readonly no_ride: boolean;
  readonly settled: boolean;
}

const desk_key = "sapar.cash-desk";

/** What an operation takes beside its reason; null while it is not complete. */
export function valuesOf(
  { operation, ride }: Doing,
  v: Values,
): Readonly<Record<string, unknown>> | null {
  if (operation === "top_up") {
    const desk = v.desk.trim();
    if (v.tiyn === null || desk === "") return null;
    return { amount_tiyn: v.tiyn, paid: { by: "cash_desk", name: desk } };
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

function Act(props: { doing: Doing; card: Card; choices: Choices; onDone: () => void }) {
  const { card } = props;
  const { operation, ride } = props.doing;
  const once = useOnce();
  const reason = useSignal("");
  const values = useSignal<Values>({
    tiyn: null,
    desk: localStorage.getItem(desk_key) ?? "",
    block: "lost",
    new_card: "",
    category: "",
    no_ride: false,
    settled: false,
  });
  const asked = valuesOf(props.doing, values.value);
  const close = (): void => {
    doing.value = null;
  };
  const submit = async (): Promise<void> => {
    if (asked === null || reason.value.trim() === "") return;
    if (operation === "top_up") localStorage.setItem(desk_key, values.value.desk.trim());
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
      amount_tiyn: values.value.tiyn,
      reason: reason.value.trim(),
      receipt: done.receipt,
      at_s: done.time_s,
      actor: null,
      repeated: done.repeated,
    });
  };
  const name = t(`dialog_${operation}`, {
    card: card.label,
    ...(ride ? { no: String(ride.tap_no) } : { no: "" }),
  });
  return (
    <Dialog
      open
      title={name}
      onClose={close}
      actions={
        <>
          <button type="button" onClick={close}>
            {say("cancel")}
          </button>
          <button
            type="submit"
            form="card-act"
            class="primary"
            disabled={asked === null || reason.value.trim() === "" || once.busy}
          >
            {money(once.unanswered ? "askAgain" : "doIt")}
          </button>
        </>
      }
    >
      <form
        id="card-act"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {once.unanswered && (
          <p class="note-bar" role="alert">
            {money("unanswered")}
          </p>
        )}
        <fieldset class="act-form" disabled={once.unanswered}>
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
        </fieldset>
      </form>
    </Dialog>
  );
}

function Fields(props: {
  doing: Doing;
  card: Card;
  choices: Choices;
  values: Values;
  onValues: (change: Partial<Values>) => void;
}) {
  const { doing: now, card, choices, values, onValues } = props;
  const onTiyn = (tiyn: number | null): void => onValues({ tiyn });
  if (now.operation === "top_up") {
    return (
      <>
        <MoneyField label={t("amount")} required onValue={onTiyn} />
        <TextField
          label={t("desk")}
          hint={t("deskHint")}
          required
          maxLength={60}
          value={values.desk}
          onValue={(desk) => onValues({ desk })}
        />
      </>
    );
  }
  if (now.operation === "block") {
    return (
      <>
        <SelectField
          label={t("blockFor")}
          value={values.block}
          choices={reasons.map((value) => ({ value, name: blockText(value) }))}
          onValue={(block) => onValues({ block })}
        />
        <p class="quiet">{t("blockNote")}</p>
      </>
    );
  }
  if (now.operation === "replace") {
    return (
      <>
        <TextField
          label={t("newCard")}
          hint={t("newCardHint")}
          required
          maxLength={64}
          value={values.new_card}
          onValue={(new_card) => onValues({ new_card })}
        />
        <p class="quiet">{t("replaceNote")}</p>
      </>
    );
  }
  if (now.operation === "change_category") {
    const listed = Object.entries(choices.categories).filter(
      ([value]) => value !== card.statement.category,
    );
    return (
      <>
        <SelectField
          label={t("newCategory")}
          required
          none="–"
          value={values.category}
          choices={listed.map(([value, name]) => ({ value, name }))}
          onValue={(category) => onValues({ category })}
        />
        <p class="quiet">{t("categoryNote")}</p>
      </>
    );
  }
  if (now.operation === "refund_tap" && now.ride) {
    const left = moneyText(now.ride.charged_tiyn - now.ride.refunded_tiyn);
    return (
      <>
        <MoneyField label={t("refundAmount", { sum: left })} onValue={onTiyn} />
        <CheckField
          label={t("noRide")}
          checked={values.no_ride}
          onChecked={(no_ride) => onValues({ no_ride })}
        />
        <CheckField
          label={t("settled")}
          checked={values.settled}
          onChecked={(settled) => onValues({ settled })}
        />
      </>
    );
  }
  if (now.operation === "goodwill") {
    return <MoneyField label={t("amount")} required onValue={onTiyn} />;
  }
  if (now.operation === "write_off") {
    const debt = moneyText(card.statement.debt_tiyn);
    return <MoneyField label={t("debtAmount", { sum: debt })} onValue={onTiyn} />;
  }
  return null;
}
