import { useEffect } from "preact/hooks";
import { type Texts, tongues } from "../../desk/types";
import { language } from "../../i18n";
import { send as post } from "../../kit/api";
import {
  CheckField,
  NumberField,
  SelectField,
  Switch,
  TextArea,
  TextField,
} from "../../kit/fields";
import { type Resource, useResource } from "../../kit/resource";
import { whyFrozen } from "../../kit/states";
import { attempt, done, failed } from "../../kit/toast";
import * as state from "../../shell/state";
import { RouteField } from "../acts/choosing";
import { t as say } from "../acts/messages";
import {
  chosenKind,
  filled,
  kind,
  quick,
  reached,
  ready,
  target,
  text_max,
  texts,
  to,
  toRoute,
  unheard,
  urgent,
  valid_min,
  write,
} from "./letter";
import { t } from "./messages";

interface Quick {
  readonly key: string | null;
  readonly text_no: number | null;
  readonly texts: Texts;
}
type Quicks = Resource<{ readonly texts: readonly Quick[] }>;

/** A text in the page's language, else in any. */
export function oneOf(given: Texts): string {
  return given[language.value] ?? Object.values(given)[0] ?? "";
}

function nameOf(one: Quick): string {
  return one.key ?? `own-${one.text_no}`;
}

export function Compose() {
  const quicks: Quicks = useResource("/api/dispatch/texts.json", { on: state.changes.messages });
  const frozen = whyFrozen();
  return (
    <section class="page scrolls letter" aria-label={t("write")}>
      <h2>{t("write")}</h2>
      <form
        class="act-fields"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <To />
        <QuickField quicks={quicks} />
        {tongues.map((tongue) => (
          <TextArea
            key={tongue}
            label={t("text", { language: say(`lang_${tongue}`) })}
            lang={tongue}
            rows={2}
            maxLength={text_max}
            hint={t("textHint", { n: (texts.value[tongue] ?? "").length, most: text_max })}
            value={texts.value[tongue] ?? ""}
            onValue={(text) => write(tongue, text)}
          />
        ))}
        <CheckField
          label={t("urgent")}
          checked={urgent.value}
          onChecked={(on) => {
            urgent.value = on;
          }}
        />
        <NumberField
          label={t("valid")}
          unit={t("minutes")}
          min={1}
          max={1440}
          value={valid_min.value}
          onValue={(minutes) => {
            valid_min.value = minutes;
          }}
        />
        {Object.keys(filled(texts.value)).length === 0 && <p class="act-note">{t("textNeeded")}</p>}
        {frozen && <p role="status">{frozen}</p>}
        <button type="submit" class="primary" disabled={!ready.value || frozen !== null}>
          {t("send")} <kbd>Ctrl Enter</kbd>
        </button>
      </form>
    </section>
  );
}

function To() {
  return (
    <>
      <Switch
        label={t("to")}
        value={kind.value}
        choices={[
          { value: "vehicles", name: t("toBuses") },
          { value: "route", name: t("toRoute") },
          { value: "all", name: t("toAll") },
        ]}
        onValue={(value) => {
          chosenKind.value = value;
          if (value !== "route") toRoute.value = null;
        }}
      />
      {kind.value === "vehicles" && (
        <TextField
          label={t("toBuses")}
          hint={t("busesHint")}
          value={to.value ?? ""}
          options={state.rows.value.map(({ vehicle }) => vehicle.id)}
          onValue={(text) => {
            to.value = text === "" ? null : text;
          }}
        />
      )}
      {kind.value === "route" && (
        <RouteField
          value={toRoute.value ?? ""}
          onValue={(id) => {
            chosenKind.value = "route";
            toRoute.value = id === "" ? null : id;
          }}
        />
      )}
      <p class="act-note" aria-live="polite">
        {t("reached", { n: reached.value })}{" "}
        {unheard.value.length > 0 && t("noSuch", { buses: unheard.value.slice(0, 5).join(", ") })}
      </p>
    </>
  );
}

function QuickField({ quicks }: { quicks: Quicks }) {
  const listed = quicks.data?.texts ?? [];
  const chosen = listed.find((one) => nameOf(one) === quick.value);
  useEffect(() => {
    // From elsewhere a text may have been asked for before the list was here.
    if (chosen) texts.value = chosen.texts;
  }, [quick.value, quicks.data === null]);
  const now = filled(texts.value);
  const isNew =
    Object.keys(now).length > 0 &&
    !listed.some((one) => JSON.stringify(one.texts) === JSON.stringify(now));
  return (
    <div class="letter-quick">
      <SelectField
        label={t("quick")}
        none={t("quickChoose")}
        value={chosen ? nameOf(chosen) : ""}
        onValue={(name) => {
          quick.value = name === "" ? null : name;
        }}
        choices={listed.map((one) => ({ value: nameOf(one), name: oneOf(one.texts) }))}
      />
      {isNew && (
        <button
          type="button"
          onClick={() =>
            void attempt(
              () => post("POST", "/api/dispatch/texts", { texts: now }),
              t("kept", { text: oneOf(now) }),
            )
          }
        >
          {t("keep")}
        </button>
      )}
      {chosen?.text_no != null && (
        <button
          type="button"
          onClick={() => {
            const { text_no, texts: old } = chosen;
            quick.value = null;
            void attempt(
              () => post("POST", `/api/dispatch/texts/${text_no}/retire`),
              t("forgotten", { text: oneOf(old) }),
              () => post("POST", "/api/dispatch/texts", { texts: old }),
            );
          }}
        >
          {t("forget")}
        </button>
      )}
    </div>
  );
}

/** Sends what is written; for ten seconds it can be withdrawn where it has not arrived. */
export async function send(): Promise<void> {
  if (!ready.value || whyFrozen() !== null) return;
  const letter = {
    texts: filled(texts.value),
    target: target.value,
    urgent: urgent.value,
    valid_s: (valid_min.value ?? 30) * 60,
  };
  try {
    const { message_no, buses } = await post<{ message_no: number; buses: number }>(
      "POST",
      "/api/dispatch/messages",
      letter,
    );
    texts.value = {};
    quick.value = null;
    urgent.value = false;
    done(t("sent", { n: buses, text: oneOf(letter.texts) }), () => withdraw(message_no));
  } catch (error) {
    failed(error);
  }
}

export async function withdraw(message_no: number): Promise<void> {
  const { buses } = await post<{ buses: number }>(
    "POST",
    `/api/dispatch/messages/${message_no}/withdraw`,
  );
  done(t("withdrawn", { n: buses }));
}
