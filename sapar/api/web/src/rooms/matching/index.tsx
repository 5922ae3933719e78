/** Which ledger items does this bank line pay? */
import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { JournalPlace } from "../../finance/journal";
import { readLines } from "../../finance/lines";
import { ApiError, agencyUrl, send } from "../../kit/api";
import { ask } from "../../kit/dialog";
import { SelectField, Switch } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { attempt, done, failed } from "../../kit/toast";
import { clockText, percentText } from "../../kit/when";
import { csrf, may } from "../../shell/me";
import { choiceParam, textParam } from "../../shell/query";
import type { Room, RoomKey } from "../room";
import { Items, Lines } from "./columns";
import { Bar, newest, Suggestions, wanted } from "./deciding";
import * as desk from "./desk";
import { chosen, Made } from "./made";
import { t } from "./messages";
import type { Age, Open, RunResult } from "./types";
import "../people/room.css";
import "../cards/room.css";
import "./room.css";

const view = choiceParam("show", "matching", ["open", "made"]);
const account = textParam("account", "matching");
/** Moves when something was matched or undone. */
const turn = signal(0);

type Told =
  | { readonly done: number; readonly of: number }
  | { readonly result: RunResult }
  | { readonly error: { readonly code: string; readonly message: string } };

async function undo(match_no: number): Promise<void> {
  const no = String(match_no);
  const reason = await ask({
    title: t("undoTitle", { no }),
    text: t("undoText"),
    confirm: t("undoNow"),
    reason: t("reason"),
  });
  if (reason === null) return;
  const act = (): Promise<unknown> =>
    send("POST", `/api/finance/matching/matches/${no}/undo`, { reason });
  if (await attempt(act, t("undone", { no }))) {
    if (newest.value === match_no) newest.value = null;
    turn.value += 1;
  }
}

function View() {
  return (
    <section class="page matching" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        <Switch
          label={t("show")}
          value={view.value}
          choices={[
            { value: "open", name: t("open") },
            { value: "made", name: t("made") },
          ]}
          onValue={(value) => {
            view.value = value;
          }}
        />
        <div class="actions">{may("accountant", "chief_accountant") && <Run />}</div>
      </header>
      {view.value === "open" ? (
        <Opened />
      ) : (
        <Made turn={turn.value} onUndo={(no) => void undo(no)} />
      )}
      <JournalPlace />
    </section>
  );
}

function Run() {
  const progress = useSignal<string | null>(null);
  const run = async (): Promise<void> => {
    progress.value = "…";
    try {
      const response = await fetch(agencyUrl("/api/finance/matching/run"), {
        method: "POST",
        cache: "no-store",
        headers: { "X-Sapar-Csrf": csrf() },
      });
      if (!response.ok) throw new ApiError(response.status, `http_${response.status}`, "");
      await readLines<Told>(response, (line) => {
        if ("error" in line) throw new ApiError(500, line.error.code, line.error.message);
        if ("result" in line) done(t("ran", { n: line.result.matches }));
        else progress.value = t("running", line);
      });
    } catch (error) {
      failed(error, t("run"));
    } finally {
      progress.value = null;
      turn.value += 1;
    }
  };
  return (
    <button type="button" disabled={progress.value !== null} onClick={() => void run()}>
      {t("run")} {progress.value}
    </button>
  );
}

function Opened() {
  const found = useResource<Open>("/api/finance/matching.json", {
    query: { account: account.value },
    on: turn,
  });
  useEffect(() => {
    if (found.data) desk.take(found.data);
  }, [found.data]);
  return (
    <Fetched of={found} rows={14}>
      {(open) => (
        <>
          <Head open={open} />
          {open.lines.length === 0 && account.value === null ? (
            <Empty>{t("allMatched", { time: clockText(open.time_s) })}</Empty>
          ) : (
            <>
              <Bar
                onChanged={() => {
                  turn.value += 1;
                }}
                onUndo={(no) => void undo(no)}
              />
              <div class="match-columns">
                <Lines today={open.today} />
                <div class="match-right">
                  <Suggestions today={open.today} />
                  <Items today={open.today} />
                </div>
              </div>
            </>
          )}
        </>
      )}
    </Fetched>
  );
}

const buckets = ["0-1", "2-7", "8-30", "30+"] as const;

function Head({ open }: { open: Open }) {
  const accounts = [...new Set(open.ages.map((one) => one.bank_account_id))];
  const of = (days: string): readonly Age[] => open.ages.filter((one) => one.days === days);
  const { share } = open;
  return (
    <div class="match-head">
      {open.differences.map((one) => (
        <p class="note-bar" role="alert" key={one.bank_account_id}>
          {t("wrong", {
            account: one.bank_account_id,
            ledger: moneyText(one.ledger_tiyn),
            open: moneyText(one.open_tiyn),
          })}
        </p>
      ))}
      <div class="filters">
        <SelectField
          label={t("account")}
          value={account.value ?? ""}
          none={t("allAccounts")}
          choices={accounts.map((value) => ({ value, name: value }))}
          onValue={(value) => {
            account.value = value === "" ? null : value;
          }}
        />
        <dl class="ages" aria-label={t("ages")}>
          {buckets.map((days) => {
            const lines = of(days).reduce((sum, one) => sum + one.lines, 0);
            const tiyn = of(days).reduce(
              (sum, one) => sum + one.receipts_tiyn + one.payments_tiyn,
              0,
            );
            return (
              <div key={days}>
                <dt>
                  {days.replace("-", "–")} ({lines})
                </dt>
                <dd>{moneyText(tiyn)}</dd>
              </div>
            );
          })}
        </dl>
        {share.basis_points !== null && (
          <p class="quiet">
            {t("explained", {
              share: percentText(share.basis_points / 10_000, 2),
              sum: moneyText(share.value_tiyn),
            })}
          </p>
        )}
      </div>
    </div>
  );
}

/** Enter and Space press a button that has the focus; elsewhere they are the room's. */
function unlessButton(run: () => void): () => void {
  return () => {
    const focused = document.activeElement;
    if (focused instanceof HTMLButtonElement || focused instanceof HTMLAnchorElement)
      focused.click();
    else if (view.value === "open") run();
  };
}

const keys: readonly RoomKey[] = [
  { code: "KeyJ", label: "J", text: () => t("keyNext"), run: () => desk.step(1) },
  { code: "KeyK", label: "K", text: () => t("keyBefore"), run: () => desk.step(-1) },
  {
    code: "KeyL",
    label: "L",
    text: () => t("keyOther"),
    run: () => {
      desk.side.value = desk.side.value === "lines" ? "items" : "lines";
    },
  },
  {
    code: "Space",
    label: "Space",
    text: () => t("keySelect"),
    run: unlessButton(() => desk.chooseHere()),
  },
  {
    code: "Enter",
    label: "Enter",
    text: () => t("keyMatch"),
    run: unlessButton(() => {
      wanted.value += 1;
    }),
  },
  {
    code: "KeyF",
    label: "F",
    text: () => t("keyFind"),
    run: () => document.getElementById(`find-${desk.side.value}`)?.focus(),
  },
  {
    code: "KeyS",
    label: "S",
    text: () => t("keySplit"),
    run: () => {
      if (desk.verdict.value === "differs" && may("accountant", "chief_accountant")) {
        desk.asking.value = true;
      }
    },
  },
  {
    code: "KeyU",
    label: "U",
    text: () => t("keyUndo"),
    run: () => {
      if (newest.value !== null) void undo(newest.value);
    },
  },
];

export const room: Room = {
  View,
  keys,
  close: () => {
    if (view.value === "made" && chosen.value !== null) {
      chosen.value = null;
      return true;
    }
    const was = desk.chosenLines.value.size + desk.chosenItems.value.size > 0;
    desk.clear();
    return was;
  },
};
