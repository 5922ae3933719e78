/** Reporting a problem, tied to the very bus, trip and moment. */
import { useState } from "preact/hooks";
import { dateIn } from "../../i18n/locale";
import { hrefOf, query } from "../address";
import { Failure } from "../api";
import { boot } from "../boot";
import { codeText, makeCode, type Report, send } from "../outbox";
import { Icon, Notice, Title } from "../parts";
import { clockText } from "../say";
import { rememberReport, reports } from "../store";
import { type Key, language, named, t } from "../words";

const ofBus = [
  "never_came",
  "came_early",
  "came_late",
  "did_not_stop",
  "full",
  "no_ramp",
  "wrong_sign",
  "driver",
  "driving",
  "condition",
  "fare",
  "other",
];
const ofStop = [
  "never_came",
  "stop_state",
  "stop_place",
  "stop_name",
  "stop_number",
  "missing_route",
  "other",
];

type Sent = { readonly code: string; readonly no: number | null };

export function ReportView() {
  const about = query.value;
  const [sent, setSent] = useState<Sent | null>(null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const [code] = useState(makeCode);
  const trip = about.get("trip") ?? "";

  if (sent) return <Thanks sent={sent} />;
  const submit = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const kind = String(given.get("kind") ?? "");
    if (kind === "") {
      setWrong(t("reportChoose"));
      return;
    }
    setBusy(true);
    setWrong(null);
    try {
      const no = await send(reportOf(about, code, kind, given));
      rememberReport({ code, kind, at_ms: Date.now() });
      setSent({ code, no });
    } catch (error) {
      setWrong(t("failed", { why: error instanceof Failure ? error.words : String(error) }));
    }
    setBusy(false);
  };
  return (
    <>
      <Title>{t("reportTitle")}</Title>
      <p>
        <span class="quiet">{t("reportAbout")}: </span>
        {subject(about)}
      </p>
      <form
        class="report"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <fieldset>
          <legend>{t("reportKind")}</legend>
          {(trip === "" ? ofStop : ofBus).map((kind) => (
            <label class="choice" key={kind}>
              <input type="radio" name="kind" value={kind} />
              {t(`kind_${kind}` as Key)}
            </label>
          ))}
        </fieldset>
        <label for="text">{t("reportBody")}</label>
        <textarea id="text" name="text" rows={4} maxLength={2000} aria-describedby="text-hint" />
        <p class="quiet" id="text-hint">
          {t("reportBodyHint")}
        </p>
        <label for="contact">{t("reportContact")}</label>
        <input
          id="contact"
          name="contact"
          maxLength={200}
          autocomplete="email"
          aria-describedby="contact-hint"
        />
        <p class="quiet" id="contact-hint">
          {t("reportContactHint", { n: boot.contact_days })}
        </p>
        {wrong !== null && <Notice urgent>{wrong}</Notice>}
        <button type="submit" class="primary wide" disabled={busy}>
          {busy ? t("reportSending") : t("reportSend")}
        </button>
        <p class="quiet">{t("reportKnown")}</p>
      </form>
      <Mine />
    </>
  );
}

function subject(about: URLSearchParams): string {
  const route = about.get("route_name") ?? "";
  const time = clockText(Number(about.get("at")) || Date.now() / 1000);
  const stop = about.get("stop_name") ?? about.get("stop") ?? "";
  const bus = about.get("vehicle") ?? "";
  const parts = [
    route === ""
      ? ""
      : bus === ""
        ? t("reportRoute", { route, time })
        : t("reportBus", { route, bus, time }),
    stop === "" ? "" : t("reportStop", { stop }),
  ];
  return parts.filter((part) => part !== "").join(", ") || boot.city;
}

function reportOf(about: URLSearchParams, code: string, kind: string, given: FormData): Report {
  const ids = { stop_id: "stop", route_id: "route", trip_id: "trip", vehicle_id: "vehicle" };
  const known = Object.entries(ids).map(([name, from]) => [name, about.get(from) ?? ""]);
  const shown = { state: about.get("state"), low_s: about.get("low"), high_s: about.get("high") };
  return {
    code,
    kind,
    language: language.value,
    text: String(given.get("text") ?? ""),
    contact: String(given.get("contact") ?? ""),
    at_s: Number(about.get("at")) || Date.now() / 1000,
    ...Object.fromEntries(known.filter(([, value]) => value !== "")),
    ...(about.get("state") === null ? {} : { shown }),
  };
}

function Thanks({ sent }: { sent: Sent }) {
  const [copied, setCopied] = useState(false);
  const href = hrefOf("report", sent.code);
  return (
    <>
      <Title>{sent.no === null ? t("reportTitle") : t("reportSent", { no: sent.no })}</Title>
      {sent.no === null && <Notice urgent>{t("reportQueued")}</Notice>}
      <p>{t("reportLink")}</p>
      <p class="code">{codeText(sent.code)}</p>
      <p>
        <a class="button" href={href}>
          {t("reportFollow")}
        </a>{" "}
        <button
          type="button"
          onClick={() => {
            const link = new URL(href, location.href).href;
            void navigator.clipboard?.writeText(link).then(() => setCopied(true));
          }}
        >
          {copied ? t("reportCopied") : t("reportCopy")}
        </button>
      </p>
    </>
  );
}

export function Mine() {
  if (reports.value.length === 0) return null;
  return (
    <section>
      <h2>{t("reportMine")}</h2>
      <ul class="stops">
        {reports.value.map(({ code, kind, at_ms }) => (
          <li key={code}>
            <a class="stop" href={hrefOf("report", code)}>
              <b>
                <Icon name="report" /> {named("kind", kind, "kind_other")}
              </b>
              <span class="quiet">
                {dateIn(at_ms, language.value, boot.timezone, { month: "long", year: true })}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
