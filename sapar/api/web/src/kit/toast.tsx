/** Short notices at the foot of the page: what was done, with its undo, or why it failed. */
import { signal } from "@preact/signals";
import { t } from "../i18n";
import { ApiError } from "./api";
import { IconButton } from "./icon";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly failed: boolean;
  readonly undo: (() => unknown) | null;
}

const shown = signal<readonly Toast[]>([]);
let last = 0;

const stay_ms = 10_000;

function put(text: string, failed: boolean, undo: Toast["undo"]): void {
  last += 1;
  const id = last;
  shown.value = [...shown.value.slice(-3), { id, text, failed, undo }];
  setTimeout(() => drop(id), stay_ms);
}

function drop(id: number): void {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** Says that something was done; for ten seconds it can be taken back. */
export function done(text: string, undo: Toast["undo"] = null): void {
  put(text, false, undo);
}

/** Says what failed, with the API's own words and code. */
export function failed(error: unknown, what = ""): void {
  const said =
    error instanceof ApiError
      ? t("failedWith", {
          text: error.status === 0 ? t("noAnswer") : error.message,
          code: error.code,
        })
      : String(error);
  put(what === "" ? said : `${what}: ${said}`, true, null);
}

/** Takes back what the newest notice says, if it can be; what the key U does. Gives whether it did. */
export function undoNewest(): boolean {
  const newest = shown.value.findLast((one) => one.undo !== null);
  if (!newest) return false;
  takeBack(newest);
  return true;
}

function takeBack(toast: Toast): void {
  drop(toast.id);
  Promise.resolve(toast.undo?.()).catch((error: unknown) => failed(error, t("undo")));
}

/** Performs an act: says what was done (with its undo), or why it failed. Gives whether it was done. */
export async function attempt(
  act: () => Promise<unknown>,
  text: string,
  undo: Toast["undo"] = null,
): Promise<boolean> {
  try {
    await act();
  } catch (error) {
    failed(error);
    return false;
  }
  if (text !== "") done(text, undo);
  return true;
}

/** The place of the notices; the house holds it. */
export function Toasts() {
  return (
    <div class="toasts" role="log" aria-live="polite">
      {shown.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.failed ? "is-failed" : ""}`}>
          <p>{toast.text}</p>
          {toast.undo && (
            <button type="button" onClick={() => takeBack(toast)}>
              {t("undo")} <kbd>U</kbd>
            </button>
          )}
          <IconButton icon="close" bare title={t("close")} onClick={() => drop(toast.id)} />
        </div>
      ))}
    </div>
  );
}
