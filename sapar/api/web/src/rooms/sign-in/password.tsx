/** A password's field: it can be pasted into and shown, and says what stars hide. */
import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { t } from "./messages";
import { layoutOf } from "./typing";

export function PasswordField(props: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** It is a new one: browsers offer to make one up. */
  fresh?: boolean;
  hint?: string;
  error?: string | null;
  autofocus?: boolean;
}) {
  const id = useId();
  const seen = useSignal(false);
  const caps = useSignal(false);
  const typed = useSignal(false);
  const layout = typed.value ? layoutOf(props.value) : null;
  const hidden = !seen.value && layout !== null && layout !== "en";
  const notes = [
    caps.value ? t("caps") : null,
    hidden ? t("layoutHint", { layout: t(`layout_${layout}`) }) : null,
    props.error ?? props.hint ?? null,
  ].filter((note) => note !== null);
  const notice = (event: KeyboardEvent | MouseEvent): void => {
    caps.value = event.getModifierState("CapsLock");
  };
  return (
    <div class={`field ${props.error ? "has-error" : ""}`}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type={seen.value ? "text" : "password"}
        value={props.value}
        required
        autocomplete={props.fresh ? "new-password" : "current-password"}
        autocapitalize="none"
        spellcheck={false}
        autofocus={props.autofocus ?? false}
        aria-invalid={Boolean(props.error)}
        aria-describedby={`${id}-notes`}
        onKeyDown={notice}
        onKeyUp={notice}
        onMouseDown={notice}
        onInput={(event) => {
          const type = event.inputType;
          typed.value = type === "insertText" || (typed.value && type !== "insertFromPaste");
          props.onValue(event.currentTarget.value);
        }}
      />
      <label class="tick">
        <input
          type="checkbox"
          checked={seen.value}
          onChange={(event) => {
            seen.value = event.currentTarget.checked;
          }}
        />
        {t("show")}
      </label>
      <div id={`${id}-notes`} aria-live="polite">
        {notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </div>
    </div>
  );
}
