/** The plain sentence about a card: what to tell the rider. */
import { moneyText } from "../../kit/money";
import { dayText } from "../../kit/when";
import { blockText, t } from "./messages";
import type { Card, Pass } from "./types";

export function sentencesOf(card: Card): readonly string[] {
  const { statement } = card;
  const said = [stateOf(card)];
  const first = Math.min(...statement.pending.map(([, , expires_ms]) => expires_ms));
  if (statement.status === "active" || statement.pending.length > 0) {
    said.push(
      t("saysWaits", {
        n: statement.pending.length,
        sum: moneyText(statement.pending_tiyn),
        day: Number.isFinite(first) ? dayText(first / 1000) : "",
      }),
    );
  }
  if (statement.debt_tiyn > 0) said.push(t("saysDebt", { sum: moneyText(statement.debt_tiyn) }));
  for (const [product, , to_ms] of passesNow(card)) {
    said.push(t("saysPass", { product, day: dayText(to_ms / 1000) }));
  }
  return said;
}

/** Passes that are not over. */
export function passesNow({ statement, time_s }: Card): readonly Pass[] {
  return statement.passes.filter(([, , to_ms]) => to_ms / 1000 > time_s);
}

/** "month_pass, 18 Mar – 1 Apr, 4,500 ₸". */
export function passText([product, from_ms, to_ms, , price_tiyn]: Pass): string {
  const [from, to] = [dayText(from_ms / 1000), dayText(to_ms / 1000)];
  return t("offer", { product, from, to, sum: moneyText(price_tiyn) });
}

function stateOf(card: Card): string {
  const { statement } = card;
  const block = statement.blocks.find(({ to_ms }) => to_ms === null);
  if (card.replaced_by) return t("saysReplaced", { card: card.replaced_by.label });
  if (statement.status === "returned") return t("saysReturned");
  if (block) return t("saysBlocked", { why: blockText(block.reason) });
  return t(statement.status === "unknown" ? "saysUnknown" : "saysActive");
}
