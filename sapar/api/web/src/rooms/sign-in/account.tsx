/** One's own account: roles, password, second factor, and where one is signed in. */
import { useSignal } from "@preact/signals";
import { t as say } from "../../i18n";
import { send } from "../../kit/api";
import { useResource } from "../../kit/resource";
import { Fetched } from "../../kit/states";
import { attempt } from "../../kit/toast";
import { Moment } from "../../kit/when";
import type { Me } from "../../shell/me";
import { ChangePassword } from "./change";
import { t } from "./messages";
import { SecondFactor } from "./second";
import type { Session } from "./session";

export function Account({ person }: { person: Me }) {
  const changes = useSignal(0);
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
          <ChangePassword isSet={person.second_factor} />
        </article>
        <article>
          <h3>{t("secondFactor")}</h3>
          <SecondFactor
            isSet={person.second_factor}
            onChange={() => {
              changes.value += 1;
            }}
          />
          <h3>{t("signedInAt")}</h3>
          <Sessions key={changes.value} />
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
