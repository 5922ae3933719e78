/** The balance of a card. Nothing of it stays on the phone, nor in the address. */
import { useState } from "preact/hooks";
import { ask, Failure } from "../api";
import { Notice, Title } from "../parts";
import { momentText, sumText } from "../say";
import type { Balance } from "../types";
import { type Key, named, t } from "../words";

export function CardView() {
  const [balance, setBalance] = useState<Balance | null>(null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  if (balance) return <Shown balance={balance} onAgain={() => setBalance(null)} />;
  const submit = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    setBusy(true);
    setWrong(null);
    try {
      const asked = { number: String(given.get("number")), pin: String(given.get("pin")) };
      setBalance(await ask<Balance>("/api/rider/card", {}, asked));
    } catch (error) {
      setWrong(error instanceof Failure ? error.words : String(error));
    }
    setBusy(false);
  };
  return (
    <>
      <Title>{t("cardTitle")}</Title>
      <form
        class="report"
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <label for="number">{t("cardNumber")}</label>
        <input
          id="number"
          name="number"
          inputMode="numeric"
          autocomplete="off"
          required
          maxLength={40}
        />
        <label for="pin">{t("cardPin")}</label>
        <input
          id="pin"
          name="pin"
          type="password"
          inputMode="numeric"
          autocomplete="off"
          required
          maxLength={8}
          aria-describedby="pin-hint"
        />
        <p class="quiet" id="pin-hint">
          {t("cardPinHint")}
        </p>
        {wrong !== null && <Notice urgent>{wrong}</Notice>}
        <button type="submit" class="primary wide" disabled={busy}>
          {busy ? t("cardLooking") : t("cardLook")}
        </button>
        <p class="quiet">{t("cardNever")}</p>
      </form>
    </>
  );
}

function Shown({ balance, onAgain }: { balance: Balance; onAgain: () => void }) {
  const now_s = Date.now() / 1000;
  const moment = (at_ms: number) => momentText(at_ms / 1000, now_s);
  const status = `cardStatus_${balance.status}` as Key;
  return (
    <>
      <Title>{t("cardBalance")}</Title>
      <p class="balance" role="status">
        {sumText(balance.balance_tiyn)}
      </p>
      <p>
        {t(status)}{" "}
        {balance.blocked_for !== null && named("block", balance.blocked_for, "block_other")}
      </p>
      {balance.balance_tiyn < 0 && (
        <Notice>{t("cardOwes", { sum: sumText(-balance.balance_tiyn) })}</Notice>
      )}
      {balance.pending_tiyn > 0 && balance.pending_until_ms !== null && (
        <Notice>
          {t("cardPending", {
            sum: sumText(balance.pending_tiyn),
            time: moment(balance.pending_until_ms),
          })}
        </Notice>
      )}
      {balance.passes.map(([name, from_ms, to_ms]) => (
        <p key={`${name} ${from_ms}`}>{t("cardPass", { name, time: moment(to_ms) })}</p>
      ))}
      <h2>{t("cardMoves")}</h2>
      {balance.moves.length === 0 && <p class="quiet">{t("cardNoMoves")}</p>}
      <ul class="moves">
        {balance.moves.map((move) => (
          <li key={`${move.at_ms} ${move.kind} ${move.balance_tiyn}`}>
            <span>
              {move.kind === "ride" && move.route_id !== null
                ? t("move_ride", { route: move.route_id })
                : named("move", move.kind === "ride" ? "ride_plain" : move.kind, "move_other")}
              {!move.counted && ` (${t("move_not_counted")})`}
            </span>
            <b>{sumText(move.amount_tiyn)}</b>
            <span class="quiet">{moment(move.at_ms)}</span>
            <span class="quiet">{sumText(move.balance_tiyn)}</span>
          </li>
        ))}
      </ul>
      <p>
        <button type="button" onClick={onAgain}>
          {t("cardAgain")}
        </button>
      </p>
      <p class="quiet">{t("cardNever")}</p>
    </>
  );
}
