/** The dialog of an act that is done once: its fields, what it would come to, and asking again. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { t as say } from "../i18n";
import { Dialog } from "../kit/dialog";
import { t } from "./messages";
import type { Once } from "./once";

export function ActDialog(props: {
  once: Once;
  title: string;
  wide?: boolean;
  /** The word on the button that does it. */
  confirm: string;
  /** All is filled in, and it would not be refused. */
  ready: boolean;
  onClose: () => void;
  onSubmit: () => Promise<void>;
  fields: ComponentChildren;
  /** What stands below the fields. */
  children?: ComponentChildren;
}) {
  const { once } = props;
  const form = useId();
  // what was not answered can be asked again whatever the form says now
  const ready = (once.unanswered || props.ready) && !once.busy;
  return (
    <Dialog
      open
      wide={props.wide ?? false}
      title={props.title}
      onClose={props.onClose}
      actions={
        <>
          <button type="button" onClick={props.onClose}>
            {say("cancel")}
          </button>
          <button type="submit" form={form} class="primary" disabled={!ready}>
            {once.unanswered ? t("askAgain") : props.confirm}
          </button>
        </>
      }
    >
      <form
        id={form}
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) void props.onSubmit();
        }}
      >
        {once.unanswered && (
          <p class="note-bar" role="alert">
            {t("unanswered")}
          </p>
        )}
        <fieldset class="act-form" disabled={once.unanswered}>
          {props.fields}
        </fieldset>
        {props.children}
      </form>
    </Dialog>
  );
}
