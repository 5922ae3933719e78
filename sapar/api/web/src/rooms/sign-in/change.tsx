/** The form that changes one's password. */
import { useSignal } from "@preact/signals";
import { ApiError, send } from "../../kit/api";
import { done, failed } from "../../kit/toast";
import { askWhoIAm, ways } from "../../shell/me";
import * as state from "../../shell/state";
import { t } from "./messages";
import { PasswordField } from "./password";

const told = [
  "password_short",
  "password_plain",
  "password_name",
  "password_same",
  "password_long",
] as const;

export function ChangePassword() {
  const old = useSignal("");
  const fresh = useSignal("");
  const again = useSignal("");
  const busy = useSignal(false);
  const wrongOld = useSignal<string | null>(null);
  const wrongNew = useSignal<string | null>(null);
  const n = ways.value.password_length_min;
  const differs = again.value !== "" && again.value !== fresh.value;

  const submit = async (): Promise<void> => {
    busy.value = true;
    wrongOld.value = null;
    wrongNew.value = null;
    try {
      await send("POST", "/api/me/password", { old: old.value, new: fresh.value });
      for (const field of [old, fresh, again]) field.value = "";
      done(t("changed"));
      await askWhoIAm(`/${state.agencyId.peek() ?? ""}`);
    } catch (cause) {
      const code = cause instanceof ApiError ? cause.code : "";
      const known = told.find((one) => one === code);
      if (known) wrongNew.value = t(known, { n });
      else if (code === "wrong_password") wrongOld.value = t("wrong_password");
      else failed(cause);
    } finally {
      busy.value = false;
    }
  };

  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <PasswordField
        label={t("oldPassword")}
        value={old.value}
        error={wrongOld.value}
        onValue={(value) => {
          old.value = value;
        }}
      />
      <PasswordField
        label={t("newPassword")}
        value={fresh.value}
        fresh
        hint={t("rule", { n })}
        error={wrongNew.value}
        onValue={(value) => {
          fresh.value = value;
        }}
      />
      <PasswordField
        label={t("repeat")}
        value={again.value}
        fresh
        error={differs ? t("different") : null}
        onValue={(value) => {
          again.value = value;
        }}
      />
      <button
        type="submit"
        class="primary"
        disabled={busy.value || differs || again.value === "" || old.value === ""}
      >
        {t("change")}
      </button>
    </form>
  );
}
