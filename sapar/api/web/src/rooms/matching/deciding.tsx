/** The difference on top, suggestions with their reasons, and the match itself. */
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { accountName, t as money } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { SelectField, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { MoneyField, moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { done } from "../../kit/toast";
import { may } from "../../shell/me";
import { dayLabel } from "./columns";
import * as desk from "./desk";
import { itemKind, reasonText, t } from "./messages";
import type { Suggestion } from "./types";
import { type Part, residualsOf, shared, withOneMore } from "./weigh";

/** The newest match that was made at this page, for U. */
export const newest = signal<number | null>(null);
/** Asks for the match from a key; the bar performs it. */
export const wanted = signal(0);

/** A part of the difference as the server takes it. */
interface ResidualPart {
  readonly code: number;
  readonly owner: string;
  readonly amount_tiyn: number;
}

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
  const match = async (parts: readonly ResidualPart[], reason: string) => {
    const only = parts.length === 1 ? parts[0] : undefined;
    const asked = {
      lines: [...desk.chosenLines.value],
      items: [...desk.chosenItems.value],
      residual: only ? [only.code, only.owner] : null,
      residuals: only ? [] : parts,
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
    if (acts && verdict === "adds_up") void match([], "");
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
            onClick={() => void match([], "")}
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
          onMatch={(parts, reason) => void match(parts, reason)}
        />
      )}
    </div>
  );
}

const parts_max = 20;

function Residual(props: {
  busy: boolean;
  unanswered: boolean;
  onClose: () => void;
  onMatch: (parts: readonly ResidualPart[], reason: string) => void;
}) {
  const offered = residualsOf(desk.pickedItems.value, desk.open.value?.accounts ?? []);
  const parts = useSignal<readonly Part[]>(withOneMore([]));
  const reason = useSignal("");
  const difference = desk.weight.value.difference_tiyn;
  const amounts = shared(parts.value, difference);
  const named = parts.value.map(({ place, owner }, at): ResidualPart | null => {
    const account = offered[place];
    const whose = account?.owner ?? owner.trim();
    if (!account || (account.owner === null && whose === "")) return null;
    return { code: account.code, owner: whose, amount_tiyn: amounts?.[at] ?? 0 };
  });
  const whole = named.filter((one) => one !== null);
  const apart = new Set(whole.map(({ code, owner }) => `${code} ${owner}`));
  const ready = amounts !== null && apart.size === parts.value.length && reason.value.trim() !== "";
  const change = (at: number, to: Partial<Part>): void => {
    parts.value = parts.value.map((one, index) => (index === at ? { ...one, ...to } : one));
  };
  const sum = moneyText(difference, { sign: true });
  const last = parts.value.length - 1;
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
          if (ready) props.onMatch(whole, reason.value.trim());
        }}
      >
        <fieldset class="act-form" disabled={props.unanswered}>
          {parts.value.map((one, at) => (
            <OnePart
              key={one.id}
              part={one}
              offered={offered}
              left={at === last && last > 0 ? (amounts?.[at] ?? null) : undefined}
              split={last > 0}
              sign={Math.sign(difference)}
              onChange={(to) => change(at, to)}
              {...(at > 0
                ? {
                    onRemove: () => {
                      parts.value = parts.value.filter((_, index) => index !== at);
                    },
                  }
                : {})}
            />
          ))}
          {parts.value.length < parts_max && (
            <p>
              <button
                type="button"
                onClick={() => {
                  parts.value = withOneMore(parts.value);
                }}
              >
                {t("addPart")}
              </button>
            </p>
          )}
          {last > 0 && apart.size < whole.length && <p role="alert">{t("partTwice")}</p>}
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

function OnePart(props: {
  part: Part;
  offered: ReturnType<typeof residualsOf>;
  /** What the others leave for it; undefined: it has an amount of its own. */
  left: number | null | undefined;
  split: boolean;
  sign: number;
  onChange: (to: Partial<Part>) => void;
  onRemove?: () => void;
}) {
  const { part, offered, left, split, sign, onChange, onRemove } = props;
  return (
    <div class="residual-part">
      <SelectField
        label={t("residual")}
        value={String(part.place)}
        choices={offered.map((one, index) => ({
          value: String(index),
          name: `${one.code} ${accountName(one.code)}${one.owner ? ` – ${one.owner}` : ""}`,
        }))}
        onValue={(value) => onChange({ place: Number(value) })}
      />
      {offered[part.place]?.owner === null && (
        <TextField
          label={t("owner")}
          required
          maxLength={64}
          value={part.owner}
          onValue={(owner) => onChange({ owner })}
        />
      )}
      {split && left === undefined && (
        <MoneyField
          label={t("partAmount")}
          required
          onValue={(tiyn) => onChange({ tiyn: tiyn === null ? null : tiyn * sign })}
        />
      )}
      {left !== undefined && (
        <p>{t("partLeft", { sum: left === null ? "–" : moneyText(left, { sign: true }) })}</p>
      )}
      {onRemove && <IconButton icon="close" bare title={t("removePart")} onClick={onRemove} />}
    </div>
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
