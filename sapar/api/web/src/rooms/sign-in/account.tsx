/** One's own account: roles, password, second factor, and where one is signed in. */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { ApiError, send } from "../../kit/api";
import { TextField } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { attempt, done, failed } from "../../kit/toast";
import { Moment } from "../../kit/when";
import { askWhoIAm, type Me } from "../../shell/me";
import * as state from "../../shell/state";
import { ChangePassword } from "./change";
import { t } from "./messages";
import { PasswordField } from "./password";
import type { Session } from "./session";

export function Account({ person }: { person: Me }) {
  const roles = person.roles.map((role) => say(`role_${role}`)).join(", ");
  return (
    <section class="page scrolls account" aria-label={t("account")}>
      <header>
        <h2>{person.full_name || person.name}</h2>
        <p>
          {person.name} · {t("roles")}: {roles || t("noRoles")}
        </p>
      </header>
      <div class="columns">
        <article>
          <h3>{t("change")}</h3>
          <ChangePassword />
        </article>
        <article>
          <h3>{t("secondFactor")}</h3>
          <SecondFactor person={person} />
          <h3>{t("signedInAt")}</h3>
          <Sessions key={String(person.second_factor)} />
        </article>
      </div>
    </section>
  );
}

function Sessions() {
  const found = useResource<{ readonly sessions: readonly Session[] }>("/api/me/sessions");
  return (
    <Fetched of={found} rows={3}>
      {({ sessions }) => (
        <ul class="sessions">
          {sessions.map((one) => (
            <li key={one.session_no}>
              <p>
                {one.address} {one.this && <strong>({t("thisOne")})</strong>}
                <br />
                {t("since")} <Moment at_s={one.created_s} />, {t("seen")}{" "}
                <Moment at_s={one.last_seen_s} />
                <br />
                <small>{one.agent}</small>
              </p>
              {!one.this && (
                <button
                  type="button"
                  onClick={() =>
                    void attempt(
                      () => send("DELETE", `/api/me/sessions/${one.session_no}`),
                      t("ended"),
                    ).then(found.reload)
                  }
                >
                  {t("end")}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Fetched>
  );
}

interface Offer {
  readonly secret: string;
  readonly address: string;
  /** The address as a QR code: an image as a `data:` address. */
  readonly picture: string;
}

function SecondFactor({ person }: { person: Me }) {
  const offer = useSignal<Offer | null>(null);
  const open = useSignal(false);
  const password = useSignal("");
  const code = useSignal("");
  const wrong = useSignal<"wrong_password" | "wrong_code" | null>(null);

  const begin = async (): Promise<void> => {
    try {
      if (!person.second_factor) offer.value = await send<Offer>("POST", "/api/me/second-factor");
      open.value = true;
    } catch (cause) {
      failed(cause);
    }
  };
  const submit = async (): Promise<void> => {
    wrong.value = null;
    try {
      if (offer.value) {
        const { secret } = offer.value;
        const body = { password: password.value, secret, code: code.value };
        await send("PUT", "/api/me/second-factor", body);
      } else {
        await send("DELETE", "/api/me/second-factor", { password: password.value });
      }
      done(t(offer.value ? "secondDone" : "secondGone"));
      offer.value = null;
      open.value = false;
      password.value = "";
      code.value = "";
      await askWhoIAm(`/${state.agencyId.peek() ?? ""}`);
    } catch (cause) {
      const said = cause instanceof ApiError ? cause.code : "";
      if (said === "wrong_password" || said === "wrong_code") wrong.value = said;
      else failed(cause);
    }
  };

  if (!open.value) {
    return (
      <div class="second">
        <p>{t(person.second_factor ? "secondOn" : "secondOff")}</p>
        <button type="button" onClick={() => void begin()}>
          {t(person.second_factor ? "secondDrop" : "secondSet")}
        </button>
      </div>
    );
  }
  return (
    <form
      class="sign-in-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {offer.value && (
        <>
          <p>{t("secondHow")}</p>
          <div class="offered">
            <img src={offer.value.picture} alt={t("secretPicture")} />
            <p>
              {t("secret")}
              <code class="secret">{offer.value.secret.match(/.{4}/g)?.join(" ")}</code>
              <a href={offer.value.address}>{t("openApp")}</a>
            </p>
          </div>
          <TextField
            label={t("code")}
            value={code.value}
            autocomplete="one-time-code"
            maxLength={7}
            required
            error={wrong.value === "wrong_code" ? t("wrong_code") : null}
            onValue={(value) => {
              code.value = value;
            }}
          />
        </>
      )}
      <PasswordField
        label={t("oldPassword")}
        value={password.value}
        error={wrong.value === "wrong_password" ? t("wrong_password") : null}
        onValue={(value) => {
          password.value = value;
        }}
      />
      <button type="submit" class="primary">
        {t(offer.value ? "secondSet" : "secondDrop")}
      </button>
    </form>
  );
}
