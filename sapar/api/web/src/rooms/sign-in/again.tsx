/** The dialog over a room whose session has ended. */
import { useEffect, useRef } from "preact/hooks";
import { leave, me, timedOut } from "../../shell/me";
import { SignInForm } from "./form";
import { t } from "./messages";
import "./room.css";

export function AgainDialog() {
  const element = useRef<HTMLDialogElement>(null);
  const open = timedOut.value && Boolean(me.value);
  useEffect(() => {
    if (open && !element.current?.open) element.current?.showModal();
    if (!open) element.current?.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby="again-title"
      // There is nothing to go on with behind it.
      onCancel={(event) => event.preventDefault()}
    >
      {open && (
        <div class="dialog-body">
          <h2 id="again-title">{t("againTitle")}</h2>
          <p>{t("againText", { name: me.value?.full_name || me.value?.name || "" })}</p>
          <SignInForm as={me.value?.name ?? ""} />
          <footer>
            <button type="button" title={t("someoneElseWarning")} onClick={leave}>
              {t("someoneElse")}
            </button>
          </footer>
        </div>
      )}
    </dialog>
  );
}
