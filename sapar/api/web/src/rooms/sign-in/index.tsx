/** Who am I, and what may I do here? */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type Me, me, ways } from "../../shell/me";
import { textParam } from "../../shell/query";
import * as state from "../../shell/state";
import type { Room } from "../room";
import { Account } from "./account";
import { ChangePassword } from "./change";
import { SignInForm } from "./form";
import { t } from "./messages";
import "./room.css";

const refused = textParam("refused", "sign-in");
const known = ["way_lost", "no_role", "ended", "name_taken"] as const;
const ask_ms = 10_000;

function View() {
  const person = me.value;
  if (person === undefined) return <div class="bones" aria-hidden="true" />;
  if (person === null) return <SignIn />;
  return person.password_temporary ? <First person={person} /> : <Account person={person} />;
}

function SignIn() {
  const { provider } = ways.value;
  const reason = known.find((one) => one === refused.value);
  const said =
    refused.value === null
      ? null
      : reason
        ? t(`refused_${reason}`)
        : t("refused_other", { code: refused.value });
  return (
    <section class="page scrolls sign-in" aria-label={t("title")}>
      <div class="card">
        <p class="where">Sapar · {state.agency.value?.name ?? ""}</p>
        <h2>{t("title")}</h2>
        <SignInForm first={said} />
        {provider !== null && (
          <>
            <p class="or">{t("other")}</p>
            <a class="button" href={providerUrl()}>
              {t("provider", { name: provider })}
            </a>
          </>
        )}
        <p class="quiet">{t("forgotten")}</p>
        <Server />
      </div>
    </section>
  );
}

function providerUrl(): string {
  const here = location.pathname.endsWith("/sign-in") ? "/" : location.pathname + location.search;
  return `/api/oidc/start?${new URLSearchParams({ return_to: here })}`;
}

function First({ person }: { person: Me }) {
  return (
    <section class="page scrolls sign-in" aria-label={t("firstTitle")}>
      <div class="card">
        <h2>{t("firstTitle")}</h2>
        <p>{t("firstText")}</p>
        <ChangePassword isSet={person.second_factor} />
      </div>
    </section>
  );
}

/** Whether the server is there at all: what one wants to know when signing in fails. */
function Server() {
  const took_ms = useSignal<number | null | undefined>(undefined);
  useEffect(() => {
    let open = true;
    const ask = async (): Promise<void> => {
      const start_ms = performance.now();
      const ok = await fetch("/healthz", { cache: "no-store" }).then(
        (response) => response.ok,
        () => false,
      );
      if (open) took_ms.value = ok ? performance.now() - start_ms : null;
    };
    void ask();
    const timer = setInterval(() => void ask(), ask_ms);
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, []);
  if (took_ms.value === undefined) return <p class="quiet server">…</p>;
  return (
    <p class="quiet server" role="status">
      {took_ms.value === null ? t("serverAway") : t("serverOk", { n: Math.round(took_ms.value) })}
    </p>
  );
}

export const room: Room = { View };
