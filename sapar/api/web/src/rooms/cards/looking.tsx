/** Looking a card up: by number, reference or ride; the reason is asked once a session and card. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { send } from "../../kit/api";
import { Switch, TextField } from "../../kit/fields";
import { Failed, Loading } from "../../kit/states";
import { attempt, failed } from "../../kit/toast";
import { t } from "./messages";

interface Found {
  readonly card_no: number;
  readonly reason_needed: boolean;
}

export const field_id = "card-text";

export async function lookUp(what: Readonly<Record<string, unknown>>): Promise<Found> {
  return await send<Found>("POST", "/api/finance/cards/look-up", what);
}

/** The search; gives the card's number in the database. */
export function Search({ onFound }: { onFound: (card_no: number) => void }) {
  const text = useSignal("");
  const by = useSignal<"card" | "tap">("card");
  const find = async (): Promise<void> => {
    const typed = text.value.trim();
    if (typed === "") return;
    const what = by.value === "card" ? { text: typed } : { tap_no: Number(typed) };
    try {
      const found = await lookUp(what);
      text.value = "";
      onFound(found.card_no);
    } catch (error) {
      failed(error);
    }
  };
  return (
    <form
      class="card-search"
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
    >
      <Switch
        label={t("by")}
        value={by.value}
        choices={[
          { value: "card", name: t("byCard") },
          { value: "tap", name: t("byTap") },
        ]}
        onValue={(value) => {
          by.value = value;
        }}
      />
      <input
        id={field_id}
        type="search"
        autocomplete="off"
        aria-label={t(by.value === "card" ? "search" : "tapNo")}
        placeholder={t(by.value === "card" ? "search" : "tapNo")}
        inputMode={by.value === "card" ? "text" : "numeric"}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
        }}
      />
      <button type="submit" class="primary">
        {t("find")}
      </button>
    </form>
  );
}

/** Shows its children once it is known why the card is looked at. */
export function Reasoned(props: { card_no: string; children: ComponentChildren }) {
  const state = useSignal<"asking" | "needed" | "known">("asking");
  const error = useSignal<string | null>(null);
  useEffect(() => {
    state.value = "asking";
    error.value = null;
    lookUp({ card_no: Number(props.card_no) }).then(
      (found) => {
        state.value = found.reason_needed ? "needed" : "known";
      },
      (cause: Error) => {
        error.value = cause.message;
      },
    );
  }, [props.card_no]);
  if (error.value !== null) return <Failed text={error.value} />;
  if (state.value === "asking") return <Loading rows={12} />;
  if (state.value === "known") return <>{props.children}</>;
  return (
    <Why
      onReason={(reason) =>
        void attempt(async () => {
          await lookUp({ card_no: Number(props.card_no), reason });
          state.value = "known";
        }, "")
      }
    />
  );
}

function Why({ onReason }: { onReason: (reason: string) => void }) {
  const reason = useSignal("");
  return (
    <form
      class="why act-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason.value.trim() !== "") onReason(reason.value.trim());
      }}
    >
      <h3>{t("whyTitle")}</h3>
      <p>{t("whyText")}</p>
      <div class="quick">
        {([t("why1"), t("why2"), t("why3")] as const).map((text) => (
          <button type="button" key={text} onClick={() => onReason(text)}>
            {text}
          </button>
        ))}
      </div>
      <TextField
        label={t("why")}
        value={reason.value}
        maxLength={400}
        onValue={(value) => {
          reason.value = value;
        }}
      />
      <button type="submit" class="primary" disabled={reason.value.trim() === ""}>
        {t("goOn")}
      </button>
    </form>
  );
}
