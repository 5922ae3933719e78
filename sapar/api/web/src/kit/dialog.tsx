import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { TextField } from "./fields";

/** A modal dialog; Esc and a press outside close it. Its first field or button takes the focus. */
export function Dialog(props: {
  open: boolean;
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Buttons at the foot; a plain Close without. */
  actions?: ComponentChildren;
  wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (props.open && !element.current?.open) element.current?.showModal();
    if (!props.open) element.current?.close();
  }, [props.open]);
  return (
    <dialog
      ref={element}
      class={`dialog ${props.wide ? "is-wide" : ""}`}
      aria-labelledby={id}
      onClose={props.onClose}
      onMouseDown={(event) => {
        if (event.target === element.current) element.current?.close();
      }}
    >
      {props.open && (
        <div class="dialog-body">
          <h2 id={id}>{props.title}</h2>
          {props.children}
          <footer>
            {props.actions ?? (
              <button type="button" class="primary" onClick={() => element.current?.close()}>
                {t("close")}
              </button>
            )}
          </footer>
        </div>
      )}
    </dialog>
  );
}

export interface Question {
  readonly title: string;
  readonly text?: string;
  /** The word on the button that does it. */
  readonly confirm: string;
  /** Ask why, in words; the answer is then the reason. */
  readonly reason?: string;
  /** The reason may be left out. */
  readonly optional?: boolean;
}

const asked = signal<{ question: Question; answer: (reason: string | null) => void } | null>(null);

/**
 * Asks before what cannot be undone, or for a reason. Gives the reason ("" when none was asked for),
 * or null when the person decided against it.
 */
export function ask(question: Question): Promise<string | null> {
  asked.value?.answer(null);
  return new Promise((resolve) => {
    asked.value = {
      question,
      answer: (reason) => {
        asked.value = null;
        resolve(reason);
      },
    };
  });
}

/** The place where `ask` appears; the house holds it. */
export function Asked() {
  const now = asked.value;
  return now ? <Ask key={now.question.title} {...now} /> : null;
}

function Ask(props: { question: Question; answer: (reason: string | null) => void }) {
  const { question, answer } = props;
  const [reason, setReason] = useState("");
  const enough = question.reason === undefined || question.optional || reason.trim() !== "";
  return (
    <Dialog
      open
      title={question.title}
      onClose={() => answer(null)}
      actions={
        <>
          <button type="button" onClick={() => answer(null)}>
            {t("cancel")}
          </button>
          <button type="submit" form="ask" class="primary" disabled={!enough}>
            {question.confirm}
          </button>
        </>
      }
    >
      {question.text && <p>{question.text}</p>}
      <form
        id="ask"
        onSubmit={(event) => {
          event.preventDefault();
          if (enough) answer(reason.trim());
        }}
      >
        {question.reason !== undefined && (
          <TextField
            label={question.reason}
            value={reason}
            onValue={setReason}
            required={!question.optional}
          />
        )}
      </form>
    </Dialog>
  );
}
