import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { t as say } from "../../i18n";
import { Dialog } from "../../kit/dialog";
import { TextField } from "../../kit/fields";
import type { AlarmRow } from "../../shell/alarms";
import { shelve } from "../../shell/answer";
import { t } from "./messages";
import { causeWords } from "./words";

/** The alarm that a person is about to shelve. */
export const shelving = signal<AlarmRow | null>(null);

const lengths_min = [15, 30, 60] as const;

function close(): void {
  shelving.value = null;
}

/** For how long, and why: shelving always ends. */
export function ShelveDialog() {
  const row = shelving.value;
  const [reason, setReason] = useState("");
  return (
    <Dialog
      open={row !== null}
      title={t("shelveTitle")}
      onClose={close}
      actions={
        <>
          <button type="button" onClick={close}>
            {say("cancel")}
          </button>
          {lengths_min.map((n) => (
            <button
              type="button"
              key={n}
              class={n === lengths_min[0] ? "primary" : ""}
              onClick={() => {
                if (row) void shelve(row, n, reason.trim());
                setReason("");
                close();
              }}
            >
              {t("minutes", { n })}
            </button>
          ))}
        </>
      }
    >
      {row && <p>{causeWords(row)}</p>}
      <p>{t("shelveText")}</p>
      <TextField label={t("shelveReason")} value={reason} onValue={setReason} />
    </Dialog>
  );
}
