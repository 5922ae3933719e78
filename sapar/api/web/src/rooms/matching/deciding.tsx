/** The difference on top, suggestions with their reasons, and the match itself. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { accountName, t as money } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { SelectField, TextField } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { done } from "../../kit/toast";
import { may } from "../../shell/me";
import { dayLabel } from "./columns";
import * as desk from "./desk";
import { itemKind, reasonText, t } from "./messages";
import type { Suggestion } from "./types";
import { residualsOf } from "./weigh";

/** The newest match that was made at this page, for U. */
export const newest = signal<number | null>(null);
/** Asks for the match from a key; the bar performs it. */
export const wanted = signal(0);

interface Made {
  readonly match_no: number;
  readonly residual_tiyn: number;
  readonly repeated: boolean;
}

export function Bar(props: { onChanged: () => void; onUndo: (match_no: number) => void }) {
  const once = useOnce();
  const { lines_tiyn, items_tiyn, difference_tiyn } = desk.weight.value;
  const verdict = desk.verdict.value;
  const acts = may("accountant", "chief_accountant");
  const match = async (residual: readonly [number, string] | null, reason: string) => {
    const asked = {
      lines: [...desk.chosenLines.value],
      items: [...desk.chosenItems.value],
      residual,
      reason,
    };
    const made = await once.run((key) =>
      send<Made>("POST", "/api/finance/matching/matches", { key, ...asked }),
    );
    if (made === null) return;
    newest.value = made.match_no;
    desk.asking.value = false;
    desk.clear();
    done(t("matched"), () => props.onUndo(made.match_no));
    props.onChanged();
  };
  const asked = useRef(wanted.peek());
  const turn = wanted.value;
  useEffect(() => {
    if (turn === asked.current) return;
    asked.current = turn;
    if (acts && verdict === "adds_up") void match(null, "");
    else if (acts && verdict === "differs") desk.asking.value = true;
  }, [turn]);
  return (
    <div class={`match-bar is-${verdict}`} role="status">
      <p>
        <strong>
          {difference_tiyn === 0
            ? t("noDifference")
            : t("difference", { sum: moneyText(difference_tiyn, { sign: true }) })}
        </strong>
        <span>
          {verdict === "nothing" && desk.pickedItems.value.length === 0
            ? t("nothingChosen")
            : t("sums", {
                lines: moneyText(lines_tiyn),
                n: desk.pickedLines.value.length,
                items: moneyText(items_tiyn),
                m: desk.pickedItems.value.length,
              })}
        </span>
      </p>
      {once.unanswered && <p role="alert">{money("unanswered")}</p>}
      {acts && (
        <div class="quick">
          <button
            type="button"
            class="primary"
            disabled={verdict !== "adds_up" || once.busy}
            onClick={() => void match(null, "")}
          >
            {once.unanswered ? money("askAgain") : t("match")} <kbd>Enter</kbd>
          </button>
          <button
            type="button"
            disabled={verdict !== "differs" || once.busy}
            onClick={() => {
              desk.asking.value = true;
            }}
          >
            {t("split")} <kbd>S</kbd>
          </button>
          <button type="button" onClick={desk.clear}>
            {t("clear")}
          </button>
        </div>
      )}
      {desk.asking.value && (
        <Residual
          busy={once.busy}
          unanswered={once.unanswered}
          onClose={() => {
            desk.asking.value = false;
          }}
          onMatch={(residual, reason) => void match(residual, reason)}
        />
      )}
    </div>
  );
}

function Residual(props: {
  busy: boolean;
  unanswered: boolean;
  onClose: () => void;
  onMatch: (residual: readonly [number, string], reason: string) => void;
}) {
  const offered = residualsOf(desk.pickedItems.value, desk.open.value?.accounts ?? []);
  const place = useSignal(0);
  const named = useSignal("");
  const reason = useSignal("");
  const account = offered[place.value];
  const owner = account?.owner ?? named.value.trim();
  const ready =
    account !== undefined && reason.value.trim() !== "" && (account.owner !== null || owner !== "");
  const sum = moneyText(desk.weight.value.difference_tiyn, { sign: true });
  return (
    <Dialog
      open
      title={t("residualTitle", { sum })}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form="residual" class="primary" disabled={!ready || props.busy}>
            {props.unanswered ? money("askAgain") : t("keep")}
          </button>
        </>
      }
    >
      <p>{t("residualText")}</p>
      <form
        id="residual"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && account) props.onMatch([account.code, owner], reason.value.trim());
        }}
      >
        <fieldset class="act-form" disabled={props.unanswered}>
          <SelectField
            label={t("residual")}
            value={String(place.value)}
            choices={offered.map((one, index) => ({
              value: String(index),
              name: `${one.code} ${accountName(one.code)}${one.owner ? ` – ${one.owner}` : ""}`,
            }))}
            onValue={(value) => {
              place.value = Number(value);
            }}
          />
          {account?.owner === null && (
            <TextField
              label={t("owner")}
              required
              maxLength={64}
              value={named.value}
              onValue={(value) => {
                named.value = value;
              }}
            />
          )}
          <TextField
            label={t("reason")}
            required
            maxLength={400}
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

export function Suggestions({ today }: { today: string }) {
  const line = desk.asked.value;
  const found = useResource<{ suggestions: readonly Suggestion[] }>(
    line === null ? null : `/api/finance/matching/lines/${line.line_no}/suggestions.json`,
  );
  if (line === null) return null;
  const known = new Map((desk.open.value?.items ?? []).map((one) => [one.item_no, one]));
  const listed = found.data?.suggestions ?? [];
  return (
    <section class="suggestions" aria-label={t("items")}>
      <h3>
        {t("suggested", {
          day: dayLabel(line.booked_on, today),
          sum: moneyText(line.amount_tiyn),
        })}
      </h3>
      {found.data !== null && listed.length === 0 && <p class="quiet">{t("noSuggestions")}</p>}
      <ol>
        {listed.slice(0, 3).map((one) => (
          <li key={one.items.join(" ")}>
            <button
              type="button"
              aria-pressed={
                one.items.length === desk.chosenItems.value.size &&
                one.items.every((no) => desk.chosenItems.value.has(no))
              }
              onClick={() => {
                desk.chosenItems.value = new Set(one.items);
              }}
            >
              <b>
                {one.items
                  .map((no) => {
                    const item = known.get(no);
                    return item
                      ? `${item.owner || itemKind(item.kind)} ${dayLabel(item.item_date, today)}`
                      : `№ ${no}`;
                  })
                  .join(" + ")}
              </b>
              <span>
                {one.difference_tiyn === 0
                  ? t("noDifference")
                  : t("difference", { sum: moneyText(one.difference_tiyn, { sign: true }) })}
              </span>
              <small>{one.reasons.map((reason) => reasonText(reason, one.days)).join(", ")}</small>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
