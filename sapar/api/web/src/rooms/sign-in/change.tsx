/** The form that changes one's password. */
import { useSignal } from "@preact/signals";
import { ApiError, send } from "../../kit/api";
import { CodeField } from "../../kit/fields";
import { done, failed } from "../../kit/toast";
import { ways } from "../../shell/me";
import { t } from "./messages";
import { PasswordField } from "./password";
import { learn } from "./session";

const told = [
  "password_short",
  "password_plain",
  "password_name",
  "password_same",
  "password_long",
] as const;

export function ChangePassword({ isSet }: { isSet: boolean }) {
  const old = useSignal("");
  const fresh = useSignal("");
  const again = useSignal("");
  const now = useSignal("");
  const busy = useSignal(false);
  const wrongOld = useSignal<string | null>(null);
  const wrongNew = useSignal<string | null>(null);
  const wrongCode = useSignal<string | null>(null);
  const n = ways.value.password_length_min;
  const differs = again.value !== "" && again.value !== fresh.value;

  const refused = async (cause: unknown): Promise<void> => {
    const code = cause instanceof ApiError ? cause.code : "";
    const known = told.find((one) => one === code);
    if (known) wrongNew.value = t(known, { n });
    else if (code === "wrong_password") wrongOld.value = t("wrong_password");
    else if (code === "wrong_code_now" && isSet) {
      now.value = "";
      wrongCode.value = t("wrong_code_now");
    } else if (code === "code_needed" || code === "wrong_code_now") {
      // It was set elsewhere meanwhile: the field for its code has to appear.
      wrongCode.value = t("code_needed");
      await learn({ second_factor: true });
    } else failed(cause);
  };

  const submit = async (): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    for (const wrong of [wrongOld, wrongNew, wrongCode]) wrong.value = null;
    try {
      const proof = { old: old.value, code_now: now.value };
      await send("POST", "/api/me/password", { ...proof, new: fresh.value });
      for (const field of [old, fresh, again, now]) field.value = "";
      done(t("changed"));
      await learn({ password_temporary: false });
    } catch (cause) {
      await refused(cause);
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
      {isSet && (
        <CodeField
          label={t("codeNow")}
          hint={t("codeHint")}
          value={now.value}
          offered
          required
          error={wrongCode.value}
          onValue={(value) => {
            now.value = value;
          }}
        />
      )}
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
