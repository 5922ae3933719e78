/** The plain sentence about a card: what to tell the rider. */
import { moneyText } from "../../kit/money";
import { dayText } from "../../kit/when";
import { blockText, t } from "./messages";
import type { Card } from "./types";

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
  for (const [product, , to_ms] of statement.passes) {
    if (to_ms / 1000 > card.time_s) {
      said.push(t("saysPass", { product, day: dayText(to_ms / 1000) }));
    }
  }
  return said;
}

function stateOf(card: Card): string {
  const { statement } = card;
  const block = statement.blocks.find(({ to_ms }) => to_ms === null);
  if (card.replaced_by) return t("saysReplaced", { card: card.replaced_by.label });
  if (statement.status === "returned") return t("saysReturned");
  if (block) return t("saysBlocked", { why: blockText(block.reason) });
  return t(statement.status === "unknown" ? "saysUnknown" : "saysActive");
}
