/** The four states besides content: loading, empty, stale, failed. They differ at a glance. */
import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import * as state from "../shell/state";
import type { Resource } from "./resource";
import { clockText } from "./when";

/** The final layout in grey; never over old data. */
export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div
      class="bones"
      role="status"
      aria-label={t("loading")}
      style={{ height: `${rows * 32}px` }}
    />
  );
}

/** Nothing to show: says what was checked, and when. */
export function Empty({ children }: { children: ComponentChildren }) {
  return (
    <p class="empty" role="status">
      {children}
    </p>
  );
}

/** What failed, with its code and what can be done. */
export function Failed(props: {
  text: string;
  code?: string;
  hint?: string | null;
  retry?: () => void;
}) {
  return (
    <div class="failure" role="alert">
      <p>{props.text}</p>
      {props.hint && <p class="hint">{props.hint}</p>}
      {props.code && <code>{props.code}</code>}
      {props.retry && (
        <button type="button" onClick={props.retry}>
          {t("tryAgain")}
        </button>
      )}
    </div>
  );
}

/** Says since when what is shown is not the present; content stays. */
export function Stale({ since_s }: { since_s: number }) {
  return (
    <p class="stale" role="status">
      {t("staleSince", { time: clockText(since_s) })}
    </p>
  );
}

/** Shows a resource in whichever state it is. */
export function Fetched<T>(props: {
  of: Resource<T>;
  rows?: number;
  children: (data: T) => ComponentChildren;
}) {
  const { data, error, loading, got_ms, reload } = props.of;
  if (data === null) {
    if (error) {
      const text = error.status === 0 ? t("noAnswer") : error.message;
      return <Failed text={text} code={error.code} hint={error.hint} retry={reload} />;
    }
    return loading ? <Loading rows={props.rows ?? 8} /> : null;
  }
  return (
    <>
      {error && got_ms !== null && (
        <p class="stale" role="status">
          {t("staleData", { time: clockText(got_ms / 1000), code: error.code })}{" "}
          <button type="button" onClick={reload}>
            {t("tryAgain")}
          </button>
        </p>
      )}
      {props.children(data)}
    </>
  );
}

/** Why live acts are off now, or null when they are not: for a button's `disabled` and title. */
export function whyFrozen(): string | null {
  if (state.replaying.value) return t("actsReplay");
  return state.frozen.value ? t("actsFrozen") : null;
}
