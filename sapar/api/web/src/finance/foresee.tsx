/** What an act would come to, asked of the server while its form is filled in; nothing is kept. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { type ApiError, isPassing, send } from "../kit/api";
import { timedOut } from "../shell/me";
import "./finance.css";
import { refusalText, t } from "./messages";

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

interface Told<T> {
  readonly foreseen: T | null;
  readonly refused: Refusal | null;
}

export interface Foresight<T> {
  /** What it would come to; null while that is not known, or when it would be refused. */
  readonly told: T | null;
  /** Why it would be refused; "" when it would not. */
  readonly refused: string;
  /** The form is complete, and the answer to what it says is on its way. */
  readonly waiting: boolean;
}

const pause_ms = 300;
const retry_s = 3;

/**
 * Asks what a body would come to, a moment after it was last changed; null asks nothing.
 *
 * Asks again where there was no answer for now, and once the person has signed in again.
 */
export function useForesight<T>(path: string, body: unknown): Foresight<T> {
  const held = useSignal<{ asked: string; told: Told<T> | null; failed: string } | null>(null);
  const asked = body === null ? null : JSON.stringify([path, body]);
  const turn = useSignal(0);
  useEffect(() => {
    if (asked === null || timedOut.value) return;
    const stop = new AbortController();
    let timer = setTimeout(() => {
      send<Told<T>>("POST", path, body, { signal: stop.signal }).then(
        (told) => {
          held.value = { asked, told, failed: "" };
        },
        (error: ApiError) => {
          if (stop.signal.aborted) return;
          if (!isPassing(error.status)) held.value = { asked, told: null, failed: error.message };
          else {
            timer = setTimeout(
              () => {
                turn.value += 1;
              },
              1000 * (error.retry_s ?? retry_s),
            );
          }
        },
      );
    }, pause_ms);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [asked, turn.value, timedOut.value]);
  const now = asked !== null && held.value?.asked === asked ? held.value : null;
  const refused = now?.told?.refused ?? null;
  return {
    told: now?.told?.foreseen ?? null,
    refused: refused ? refusalText(refused.code, refused.message) : (now?.failed ?? ""),
    waiting: asked !== null && now === null,
  };
}

/** What is known so far: a refusal with its reason, a wait, or what it would come to. */
export function Foreseen<T>(props: {
  of: Foresight<T>;
  title: string;
  children: (told: T) => ComponentChildren;
}) {
  const { told, refused, waiting } = props.of;
  return (
    <section class="foreseen" aria-label={props.title} aria-live="polite" aria-busy={waiting}>
      <h3>{props.title}</h3>
      {refused !== "" && (
        <p class="note-bar" role="alert">
          {t("wouldRefuse", { why: refused })}
        </p>
      )}
      {told === null && refused === "" && (
        <p class="quiet">{t(waiting ? "asking" : "fillFirst")}</p>
      )}
      {told !== null && props.children(told)}
    </section>
  );
}

export interface Change {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** What holds now beside what would hold; what stays is not shown. */
export function Changes(props: {
  rows: readonly Change[];
  before: string;
  after: string;
  first: boolean;
}) {
  const rows = props.rows.filter((one) => one.before !== one.after);
  if (rows.length === 0) return <p class="quiet">{t("noChange")}</p>;
  return (
    <div class="scroll-x">
      <table class="ledger changes">
        <thead>
          <tr>
            <td />
            {!props.first && <th scope="col">{props.before}</th>}
            <th scope="col">{props.after}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              {!props.first && <td>{one.before || "–"}</td>}
              <td>
                <strong>{one.after || "–"}</strong>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
