import { useEffect, useRef } from "preact/hooks";
import { type Key, t } from "../i18n";
import { chooseLetters } from "./preferences";
import { helpShown, lettersOn } from "./state";

const keys: readonly (readonly [string, Key])[] = [
  ["/", "keySearch"],
  ["C", "keyQuestion"],
  ["A", "keyExceptions"],
  ["N", "keyNext"],
  ["J  K", "keyRows"],
  ["0", "keyFit"],
  ["G  M", "keyMap"],
  ["G  T", "keyList"],
  ["← ↑ ↓ →", "keyPan"],
  ["Esc", "keyClose"],
  ["?", "keyHelp"],
];

/** The keys, and the switch that turns the letters off (WCAG 2.1.4). */
export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = helpShown.value;
  useEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => {
        helpShown.value = false;
      }}
    >
      <h2 id="help-title">{t("helpTitle")}</h2>
      <dl>
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <p>{t("helpNote")}</p>
      <label class="tick">
        <input
          type="checkbox"
          checked={lettersOn.value}
          onChange={(event) => chooseLetters(event.currentTarget.checked)}
        />
        {t("letterKeys")}
      </label>
      <form method="dialog">
        <button type="submit" class="primary">
          {t("close")}
        </button>
      </form>
    </dialog>
  );
}
