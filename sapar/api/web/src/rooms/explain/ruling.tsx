/** A word on a held tap: it is a ride, or it is none; what that comes to, and what was said before. */
import { useSignal } from "@preact/signals";
import { ActDialog } from "../../finance/act-dialog";
import { seconds } from "../../finance/days";
import { Entries, type Entry, moneyOf, type NamedCard } from "../../finance/entries";
import { Foreseen, useForesight } from "../../finance/foresee";
import { JournalLink } from "../../finance/journal";
import { kindName } from "../../finance/kinds";
import { t as money, refusalText } from "../../finance/messages";
import { useOnce } from "../../finance/once";
import { ApiError, send } from "../../kit/api";
import { Dialog } from "../../kit/dialog";
import { Switch, TextField } from "../../kit/fields";
import { moneyText } from "../../kit/money";
import { momentText } from "../../kit/when";
import { t } from "./messages";

type Word = "accept" | "reject";

interface Standing {
  readonly status: "posted" | "held" | "denied";
  readonly code: string | null;
  readonly charged_tiyn: number;
}

export interface HeldTap {
  readonly tap_no: number;
  readonly now: Standing;
  /** What may be said of it now. */
  readonly words: readonly Word[];
  /** A word on it decided what the exception is about. */
  readonly decided: boolean;
  /** The newest first. */
  readonly rulings: readonly {
    readonly ruling_no: number;
    readonly at: string;
    readonly actor: string;
    readonly word: Word;
    /** Why it was held then; null: an earlier word let it ride. */
    readonly code: string | null;
    readonly reason: string;
  }[];
}

interface Came {
  readonly tap_no: number;
  readonly word: Word;
  readonly before: Standing;
  readonly after: Standing;
  readonly beside: readonly {
    readonly tap_no: number;
    readonly card: NamedCard;
    readonly device_id: string;
    readonly at_ms: number;
    readonly why: "content" | "counter" | "debit" | "fare";
    readonly before: Standing;
    readonly after: Standing;
  }[];
  readonly journals: readonly {
    readonly journal_no: number;
    readonly kind: string;
    readonly tap_no: number | null;
    readonly entries: readonly Entry[];
  }[];
  readonly journal_count: number;
}

function standingText({ status, code, charged_tiyn }: Standing): string {
  if (status === "posted") return t("s_ride", { sum: moneyText(charged_tiyn) });
  if (status === "denied") return t("s_denied");
  return code === "rejected" ? t("s_rejected") : t("s_held", { why: kindName(code ?? "") });
}

/** What a journal is about: a ride, or what follows from one on its card. */
function aboutText({ kind, tap_no }: Came["journals"][number]): string {
  if (tap_no !== null) return t("tapNo", { no: String(tap_no) });
  return kind === "activation" || kind === "debt" ? t(`k_${kind}`) : kind;
}

/** What people said of a tap, the newest first; nothing where nobody said anything. */
export function Rulings({ of }: { of: HeldTap }) {
  if (of.rulings.length === 0) return null;
  return (
    <>
      <h4>{t("rulings")}</h4>
      <ol class="plain-list">
        {of.rulings.map((one) => (
          <li key={one.ruling_no}>
            <strong>{t(`w_${one.word}`)}</strong>{" "}
            <span class="quiet">
              {t("by", { time: momentText(seconds(one.at)), who: one.actor })}
            </span>
            <p>{one.reason}</p>
            <p class="quiet">
              {one.code === null
                ? t("wasRide")
                : one.code === "rejected"
                  ? t("s_rejected")
                  : t("wasHeld", { why: kindName(one.code) })}
            </p>
          </li>
        ))}
      </ol>
    </>
  );
}

/** A refusal in the language of the page. */
function inWords({ status, code, message, hint, retry_s }: ApiError): ApiError {
  return new ApiError(status, code, refusalText(code, message), hint, retry_s);
}

export function RulingDialog(props: {
  /** Of the exception. */
  path: string;
  tap: HeldTap;
  onChanged: () => void;
  onClose: () => void;
}) {
  const { tap, onClose } = props;
  const once = useOnce();
  const word = useSignal<Word>(tap.words[0] ?? "reject");
  const reason = useSignal("");
  const came = useSignal<Came | null>(null);
  // somebody else has said another word since the page looked
  const stale = useSignal(false);
  const seen = tap.rulings[0]?.ruling_no ?? null;
  const foresight = useForesight<Came>(
    `${props.path}/rule/foresee`,
    came.value === null ? { word: word.value, seen } : null,
  );
  const submit = async (): Promise<void> => {
    const body = { word: word.value, seen, text: reason.value.trim() };
    const done = await once.run((key) =>
      send<Came>("POST", `${props.path}/rule`, { ...body, key }).catch((error: ApiError) => {
        if (error.code === "ruled_meanwhile") {
          stale.value = true;
          props.onChanged();
        }
        throw inWords(error);
      }),
    );
    if (done === null) return;
    came.value = done;
    props.onChanged();
  };
  const no = String(tap.tap_no);
  if (came.value !== null) {
    return (
      <Dialog open wide title={t("ruledTitle", { no })} onClose={onClose}>
        <Outcome of={came.value} />
      </Dialog>
    );
  }
  return (
    <ActDialog
      once={once}
      wide
      title={t("ruleTitle", { no })}
      confirm={t(`do_${word.value}`)}
      ready={reason.value.trim() !== "" && foresight.told !== null && !stale.value}
      onClose={onClose}
      onSubmit={submit}
      fields={
        <>
          {tap.words.length > 1 ? (
            <Switch
              label={t("word")}
              value={word.value}
              choices={tap.words.map((value) => ({ value, name: t(`w_${value}`) }))}
              onValue={(value) => {
                word.value = value;
              }}
            />
          ) : (
            <p>
              <strong>{t(`w_${word.value}`)}</strong>
            </p>
          )}
          <p class="quiet">{t(`hint_${word.value}`)}</p>
          <TextField
            label={money("reason")}
            hint={money("reasonHint")}
            required
            maxLength={2000}
            value={reason.value}
            onValue={(value) => {
              reason.value = value;
            }}
          />
        </>
      }
    >
      {stale.value ? (
        <p class="note-bar" role="alert">
          {money("wouldRefuse", { why: refusalText("ruled_meanwhile", "") })}
        </p>
      ) : (
        <Foreseen of={foresight} title={t("ruleWill")}>
          {(told) => <WillCome of={told} />}
        </Foreseen>
      )}
      <p class="quiet">{t("ruleUndo")}</p>
    </ActDialog>
  );
}

function WillCome({ of }: { of: Came }) {
  return (
    <>
      <Taps of={of} before={t("now")} after={t("after")} />
      {of.journals.length === 0 && <p>{t("postsNothing")}</p>}
      {of.journals.map((one) => (
        <div key={one.journal_no}>
          <p>
            <strong>{aboutText(one)}</strong>
          </p>
          <Entries entries={moneyOf(one.entries)} />
        </div>
      ))}
      <More of={of} />
    </>
  );
}

function Outcome({ of }: { of: Came }) {
  return (
    <div class="act-form">
      <Taps of={of} before={t("was")} after={t("became")} />
      {of.journals.length === 0 ? (
        <p>{t("postedNothing")}</p>
      ) : (
        <>
          <h3>{t("posted")}</h3>
          <ul class="plain-list">
            {of.journals.map((one) => (
              <li key={one.journal_no}>
                <JournalLink no={one.journal_no} /> <span class="quiet">{aboutText(one)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <More of={of} />
      <p class="quiet">{t("ruleUndo")}</p>
    </div>
  );
}

function More({ of }: { of: Came }) {
  const n = of.journal_count - of.journals.length;
  return n > 0 ? <p>{t("postsMore", { n })}</p> : null;
}

/** The tap and those beside it, as they stand without the word and with it. */
function Taps(props: { of: Came; before: string; after: string }) {
  const { of } = props;
  return (
    <div class="scroll-x">
      <table class="ledger taps">
        <thead>
          <tr>
            <td />
            <th scope="col">{props.before}</th>
            <th scope="col">{props.after}</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">
              <strong>{of.tap_no}</strong> {t("thisTap")}
            </th>
            <td>{standingText(of.before)}</td>
            <td>
              <strong>{standingText(of.after)}</strong>
            </td>
          </tr>
          {of.beside.map((one) => {
            const before = standingText(one.before);
            const after = standingText(one.after);
            return (
              <tr key={one.tap_no}>
                <th scope="row">
                  {one.tap_no} {t(`why_${one.why}`)}
                  <p class="quiet">
                    {one.card.label}, {momentText(one.at_ms / 1000, true)}, {one.device_id}
                  </p>
                </th>
                <td>{before}</td>
                <td>{before === after ? after : <strong>{after}</strong>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
