/** Fields of forms: a label above, a hint or an error below, 32 pixels high. */
import type { ComponentChildren, JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../i18n";

interface Common {
  readonly label: string;
  readonly hint?: string;
  readonly error?: string | null;
  readonly required?: boolean;
  readonly disabled?: boolean;
}

function Field(props: Common & { children: (id: string, described: string) => ComponentChildren }) {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div class={`field ${props.error ? "has-error" : ""}`}>
      <label for={id}>
        {props.label}
        {props.required && <span aria-hidden="true"> *</span>}
      </label>
      {props.children(id, `${id}-note`)}
      {note && (
        <p id={`${id}-note`} role={props.error ? "alert" : undefined}>
          {note}
        </p>
      )}
    </div>
  );
}

function attributes(props: Common, id: string, described: string) {
  return {
    id,
    required: props.required ?? false,
    disabled: props.disabled ?? false,
    "aria-invalid": Boolean(props.error),
    "aria-describedby": (props.error ?? props.hint) ? described : undefined,
  };
}

export function TextField(
  props: Common & {
    value: string;
    onValue: (value: string) => void;
    type?: "text" | "password" | "search" | "tel" | "url";
    placeholder?: string;
    autocomplete?: JSX.InputHTMLAttributes<HTMLInputElement>["autocomplete"];
    maxLength?: number;
    lang?: string;
    /** Suggestions while typing. */
    options?: readonly string[];
  },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <>
          <input
            {...attributes(props, id, described)}
            type={props.type ?? "text"}
            value={props.value}
            placeholder={props.placeholder}
            autocomplete={props.autocomplete ?? "off"}
            maxLength={props.maxLength}
            lang={props.lang}
            list={props.options ? `${id}-options` : undefined}
            onInput={(event) => props.onValue(event.currentTarget.value)}
          />
          {props.options && (
            <datalist id={`${id}-options`}>
              {props.options.map((option) => (
                <option key={option} value={option} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

export function TextArea(
  props: Common & {
    value: string;
    onValue: (value: string) => void;
    rows?: number;
    maxLength?: number;
    lang?: string;
  },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <textarea
          {...attributes(props, id, described)}
          rows={props.rows ?? 3}
          value={props.value}
          maxLength={props.maxLength}
          lang={props.lang}
          onInput={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/**
 * A number. The Kazakh layout types letters on the number row, so the row's keys are read by their
 * place: what stands on the key cap is what appears.
 */
export function NumberField(
  props: Common & {
    value: number | null;
    onValue: (value: number | null) => void;
    min?: number;
    max?: number;
    unit?: string;
  },
) {
  const take = (text: string): void => {
    const digits = text.replace(",", ".").trim();
    const value = digits === "" ? null : Number(digits);
    props.onValue(value !== null && Number.isNaN(value) ? null : value);
  };
  return (
    <Field {...props}>
      {(id, described) => (
        <span class="number-field">
          <input
            {...attributes(props, id, described)}
            type="text"
            inputMode="decimal"
            autocomplete="off"
            value={props.value ?? ""}
            onKeyDown={(event) => typeDigit(event)}
            onInput={(event) => take(event.currentTarget.value)}
          />
          {props.unit && <span>{props.unit}</span>}
        </span>
      )}
    </Field>
  );
}

/** A value that is typed; null: the field is empty, undefined: it holds none. */
export type Typed = number | null | undefined;

export interface TypedProps extends Omit<Common, "error"> {
  readonly onValue: (value: Typed) => void;
}

/** A field that is read as it is typed. `first` is what it begins with. */
export function TypedField(
  props: TypedProps & { read: (text: string) => Typed; first: string; unit: ComponentChildren },
) {
  const [text, setText] = useState(props.first);
  return (
    <Field {...props}>
      {(id, described) => (
        <span class="number-field">
          <input
            {...attributes(props, id, described)}
            type="text"
            inputMode="decimal"
            autocomplete="off"
            aria-invalid={props.read(text) === undefined}
            value={text}
            onKeyDown={(event) => typeDigit(event)}
            onInput={(event) => {
              setText(event.currentTarget.value);
              props.onValue(props.read(event.currentTarget.value));
            }}
          />
          <span aria-hidden="true">{props.unit}</span>
        </span>
      )}
    </Field>
  );
}

/** A code of a second factor: six digits, with a space between them as some apps show it. */
export function CodeField(
  props: Common & {
    value: string;
    onValue: (value: string) => void;
    /** Browsers offer a code here: in one field of a form. */
    offered?: boolean;
  },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <input
          {...attributes(props, id, described)}
          type="text"
          inputMode="numeric"
          autocomplete={props.offered ? "one-time-code" : "off"}
          maxLength={7}
          value={props.value}
          onKeyDown={typeDigit}
          onInput={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** Puts the digit of a key of the number row into a field whose layout types something else there. */
export function typeDigit(event: JSX.TargetedKeyboardEvent<HTMLInputElement>): void {
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  if (!digit || event.key === digit || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const field = event.currentTarget;
  const [start, end] = [field.selectionStart ?? 0, field.selectionEnd ?? 0];
  // A script's text is not held to the longest that the field takes.
  if (field.maxLength >= 0 && field.value.length - (end - start) >= field.maxLength) return;
  field.setRangeText(digit, start, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export interface Choice {
  readonly value: string;
  readonly name: string;
}

export function SelectField(
  props: Common & {
    value: string;
    onValue: (value: string) => void;
    choices: readonly Choice[];
    /** A first choice with the value "": "All routes". */
    none?: string;
  },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <select
          {...attributes(props, id, described)}
          value={props.value}
          onChange={(event) => props.onValue(event.currentTarget.value)}
        >
          {props.none !== undefined && <option value="">{props.none}</option>}
          {props.choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField(props: {
  label: string;
  checked: boolean;
  onChecked: (checked: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <label class="tick">
      <input
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled ?? false}
        onChange={(event) => props.onChecked(event.currentTarget.checked)}
      />
      {props.label}
    </label>
  );
}

/** A choice among a few, all in sight. */
export function Switch<T extends string>(props: {
  label: string;
  value: T;
  choices: readonly { readonly value: T; readonly name: string }[];
  onValue: (value: T) => void;
}) {
  return (
    <fieldset class="switch">
      <legend class="hidden">{props.label}</legend>
      {props.choices.map(({ value, name }) => (
        <button
          type="button"
          key={value}
          aria-pressed={value === props.value}
          onClick={() => props.onValue(value)}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}

/** A day as the browser's own field gives it, "2026-11-20"; "" for none. */
export function DayField(props: Common & { value: string; onValue: (value: string) => void }) {
  return (
    <Field {...props}>
      {(id, described) => (
        <input
          {...attributes(props, id, described)}
          type="date"
          value={props.value}
          onInput={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A moment of the city's clock, in Unix seconds; null for none. */
export function MomentField(
  props: Common & {
    value: number | null;
    onValue: (value: number | null) => void;
    timezone: string;
  },
) {
  return (
    <Field {...props}>
      {(id, described) => (
        <input
          {...attributes(props, id, described)}
          type="datetime-local"
          step={60}
          value={props.value === null ? "" : cityText(props.value, props.timezone)}
          onInput={(event) => props.onValue(citySeconds(event.currentTarget.value, props.timezone))}
        />
      )}
    </Field>
  );
}

/** A moment as `2026-11-20T18:00` of a time zone. */
export function cityText(unix_s: number, timezone: string): string {
  const parts = new Intl.DateTimeFormat("sv-SE", {
    dateStyle: "short",
    timeStyle: "short",
    timeZone: timezone,
  }).format(unix_s * 1000);
  return parts.replace(" ", "T");
}

/** The moment that a clock of the time zone shows as `2026-11-20T18:00`; null for no moment. */
export function citySeconds(text: string, timezone: string): number | null {
  const as_utc = Date.parse(`${text.slice(0, 16)}:00Z`) / 1000;
  if (Number.isNaN(as_utc)) return null;
  // Twice, because the offset of the first guess may be the other one's of a change of clocks.
  let guess = as_utc;
  for (let turn = 0; turn < 2; turn += 1) {
    guess += as_utc - Date.parse(`${cityText(guess, timezone)}:00Z`) / 1000;
  }
  return guess;
}

/** Says that a field must be filled in; for `error`. */
export function missing(value: string): string | null {
  return value.trim() === "" ? t("fillIn") : null;
}
