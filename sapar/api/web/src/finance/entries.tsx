/** Entries of journals, posted or not yet, in one table. */
import type { ComponentChildren } from "preact";
import { moneyText } from "../kit/money";
import "./finance.css";
import { accountName, t } from "./messages";

export interface NamedCard {
  readonly card_no: number;
  readonly label: string;
}

export interface Entry {
  readonly code: number;
  readonly owner: string;
  readonly amount: number;
  readonly asset: "KZT" | "BRD";
  readonly card: NamedCard | null;
}

function amountText(amount: number, asset: Entry["asset"]): string {
  return asset === "KZT" ? moneyText(amount) : t("boardings", { n: amount });
}

export function Entries(props: {
  entries: readonly Entry[];
  /** How a card is shown; its label without. */
  cardOf?: (card: NamedCard) => ComponentChildren;
  /** Below the entries. */
  foot?: ComponentChildren;
}) {
  const { cardOf = (card) => card.label } = props;
  return (
    <div class="scroll-x">
      <table class="ledger">
        <thead>
          <tr>
            <th scope="col">{t("account")}</th>
            <th scope="col">{t("owner")}</th>
            <th scope="col" class="number">
              {t("debit")}
            </th>
            <th scope="col" class="number">
              {t("credit")}
            </th>
          </tr>
        </thead>
        <tbody>
          {props.entries.map((one, at) => (
            <tr key={`${at} ${one.code}`}>
              <th scope="row">
                {one.code} {accountName(one.code)}
              </th>
              <td>{one.card ? cardOf(one.card) : one.owner}</td>
              <td class="number">{one.amount > 0 && amountText(one.amount, one.asset)}</td>
              <td class="number">{one.amount < 0 && amountText(-one.amount, one.asset)}</td>
            </tr>
          ))}
        </tbody>
        {props.foot && <tfoot>{props.foot}</tfoot>}
      </table>
    </div>
  );
}

/** Entries of money alone: boardings are counted beside it. */
export function moneyOf(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter((one) => one.asset === "KZT");
}
