/** The form: one error for both fields, the time to wait counted down, the code when it is asked for. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, send } from "../../kit/api";
import { CodeField, TextField } from "../../kit/fields";
import { type Answer, takeMe } from "../../shell/me";
import { t } from "./messages";
import { PasswordField } from "./password";

export function SignInForm(props: {
  /** Whose session it was: only the password is asked for. */
  as?: string;
  /** Why a try elsewhere was refused. */
  first?: string | null;
}) {
  const name = useSignal("");
  const password = useSignal("");
  const code = useSignal("");
  const needsCode = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal<string | null>(props.first ?? null);
  const wait_s = useSignal(0);
  useEffect(() => {
    if (wait_s.value <= 0) return;
    const timer = setTimeout(() => {
      wait_s.value -= 1;
      error.value = wait_s.value > 0 ? t("wait", { n: wait_s.value }) : null;
    }, 1000);
    return () => clearTimeout(timer);
  }, [wait_s.value]);

  const refused = (cause: unknown): void => {
    const found = cause instanceof ApiError ? cause : new ApiError(0, "fault", String(cause));
    if (found.code === "code_needed") {
      needsCode.value = true;
      error.value = null;
    } else if (found.code === "wrong_sign_in") {
      password.value = "";
      needsCode.value = false;
      error.value = t("wrong");
    } else if (found.code === "wrong_code") {
      code.value = "";
      error.value = t("wrongCode");
    } else if (found.status === 429) {
      wait_s.value = found.retry_s ?? 1;
      error.value = t("wait", { n: wait_s.value });
    } else {
      error.value = found.status === 0 ? t("noAnswer") : t("failed", { code: found.code });
    }
  };

  const submit = async (): Promise<void> => {
    if (busy.value || wait_s.value > 0) return;
    busy.value = true;
    error.value = null;
    try {
      const body = { name: props.as ?? name.value, password: password.value, code: code.value };
      takeMe(await send<Answer>("POST", "/api/session", body));
    } catch (cause) {
      refused(cause);
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
      {props.as === undefined && (
        <TextField
          label={t("name")}
          value={name.value}
          autocomplete="username"
          onValue={(value) => {
            name.value = value;
          }}
        />
      )}
      <PasswordField
        label={t("password")}
        value={password.value}
        autofocus={props.as !== undefined}
        onValue={(value) => {
          password.value = value;
        }}
      />
      {needsCode.value && (
        <CodeField
          label={t("code")}
          hint={t("codeHint")}
          value={code.value}
          offered
          onValue={(value) => {
            code.value = value;
          }}
        />
      )}
      <div role="alert" class="trouble">
        {error.value}
      </div>
      <button type="submit" class="primary" disabled={busy.value || wait_s.value > 0}>
        {t(busy.value ? "signingIn" : "signIn")}
      </button>
    </form>
  );
}
