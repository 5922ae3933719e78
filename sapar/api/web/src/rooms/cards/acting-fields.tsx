/** What an operation on a card asks for besides its reason. */
import { CheckField, SelectField, Switch, TextField } from "../../kit/fields";
import { MoneyField, moneyText } from "../../kit/money";
import type { Doing, Values } from "./acting";
import { blockText, t } from "./messages";
import { passText } from "./says";
import type { Card, Choices } from "./types";

const reasons = ["lost", "stolen", "fraud", "debt", "other"] as const;

interface Props {
  readonly doing: Doing;
  readonly card: Card;
  readonly choices: Choices;
  readonly values: Values;
  readonly onValues: (change: Partial<Values>) => void;
}

export function Fields(props: Props) {
  const { doing: now, card, choices, values, onValues } = props;
  const onTiyn = (tiyn: number | null): void => onValues({ tiyn });
  if (now.operation === "top_up") {
    return (
      <>
        <MoneyField label={t("amount")} required onValue={onTiyn} />
        <DeskField {...props} />
      </>
    );
  }
  if (now.operation === "sell_pass") return <PassFields {...props} />;
  if (now.operation === "take_back_pass" && now.pass) {
    return (
      <>
        <p>{passText(now.pass)}</p>
        <p class="quiet">{t("takeBackNote")}</p>
      </>
    );
  }
  if (now.operation === "return") {
    return (
      <>
        <ChannelField {...props} />
        <p class="quiet">{t("returnNote")}</p>
      </>
    );
  }
  if (now.operation === "withdraw" || now.operation === "pay_out") {
    return (
      <>
        <MoneyField label={t("amount")} required onValue={onTiyn} />
        <ChannelField {...props} />
        {now.operation === "pay_out" && (
          <SelectField
            label={t("fromAccount")}
            required
            none="–"
            value={values.bank}
            choices={choices.bank_accounts.map((value) => ({ value, name: value }))}
            onValue={(bank) => onValues({ bank })}
          />
        )}
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

/** Where the money is taken: a desk of the register, or where there is none, in the person's words. */
function DeskField({ choices, values, onValues }: Props) {
  if (!choices.desks_kept) {
    return (
      <TextField
        label={t("desk")}
        hint={t("deskHint")}
        required
        maxLength={60}
        value={values.desk}
        onValue={(desk) => onValues({ desk })}
      />
    );
  }
  if (choices.desks.length === 0) return <p class="note-bar">{t("noDesk")}</p>;
  return (
    <SelectField
      label={t("desk")}
      required
      none="–"
      value={values.desk}
      choices={choices.desks.map(({ desk_id, name }) => ({ value: desk_id, name }))}
      onValue={(desk) => onValues({ desk })}
    />
  );
}

function PassFields(props: Props) {
  const { card, values, onValues } = props;
  return (
    <>
      <SelectField
        label={t("pass")}
        required
        value={values.offer}
        choices={card.passes_on_offer.map((one, at) => ({
          value: String(at),
          name: t("offer", {
            product: one.product_id,
            from: one.first_day,
            to: one.last_day,
            sum: moneyText(one.price_tiyn),
          }),
        }))}
        onValue={(offer) => onValues({ offer })}
      />
      <Switch
        label={t("paidFrom")}
        value={values.from_purse ? "purse" : "desk"}
        choices={[
          { value: "desk", name: t("paidDesk") },
          { value: "purse", name: t("paidPurse") },
        ]}
        onValue={(value) => onValues({ from_purse: value === "purse" })}
      />
      {!values.from_purse && <DeskField {...props} />}
    </>
  );
}

function ChannelField({ choices, values, onValues }: Props) {
  return (
    <SelectField
      label={t("channel")}
      required
      value={values.channel}
      choices={choices.channels.map((value) => ({
        value,
        name: value === "bank" ? t("channelBank") : value,
      }))}
      onValue={(channel) => onValues({ channel })}
    />
  );
}
