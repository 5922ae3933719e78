/** The frame of the page: a head, the view that the address names, and the sections below. */
import type { ComponentType } from "preact";
import { hrefOf, type View, view } from "./address";
import { boot } from "./boot";
import { later } from "./later";
import { Icon, type IconName } from "./parts";
import { AlertsView, AlertView } from "./views/alerts";
import { Home } from "./views/home";
import { StopView } from "./views/stop";
import { told } from "./watch";
import { type Key, t } from "./words";

const BusView = later(async () => (await import("./views/bus")).BusView);
const CardView = later(async () => (await import("./views/card")).CardView);
const FollowedView = later(async () => (await import("./views/followed")).FollowedView);
const ReportView = later(async () => (await import("./views/report")).ReportView);
const SettingsView = later(async () => (await import("./views/settings")).SettingsView);

const sections: readonly (readonly [View["name"], Key, IconName])[] = [
  ["home", "home", "stops"],
  ["alerts", "navAlerts", "alerts"],
  ["card", "card", "card"],
  ["settings", "settings", "settings"],
];

export function App() {
  const { name } = view.value;
  return (
    <>
      <a class="skip" href="#content">
        {t("skip")}
      </a>
      <header>
        {name !== "home" && (
          <a class="round" href={hrefOf("home")} onClick={goBack} aria-label={t("back")}>
            <Icon name="back" />
          </a>
        )}
        <span class="city">{t("appName", { city: boot.city })}</span>
      </header>
      <Told />
      <main id="content">
        <Shown />
      </main>
      <nav aria-label={t("nav")}>
        {sections.map(([section, key, icon]) => (
          <a
            key={section}
            href={hrefOf(section)}
            aria-current={section === name ? "page" : undefined}
          >
            <Icon name={icon} />
            {t(key)}
          </a>
        ))}
      </nav>
    </>
  );
}

/** Back to where the rider came from within the page; from outside, to the first view. */
function goBack(event: Event): void {
  if (history.length > 1 && document.referrer === "" && history.state !== undefined) {
    event.preventDefault();
    history.back();
  }
}

function Shown() {
  const now = view.value;
  switch (now.name) {
    case "home":
      return <Home />;
    case "stop":
      return <StopView key={now.id} id={now.id} />;
    case "bus":
      return <BusView key={now.trip} trip={now.trip} />;
    case "alerts":
      return <AlertsView />;
    case "alert":
      return <AlertView key={now.id} id={now.id} />;
    case "report":
      return <Plain of={ReportView} />;
    case "followed":
      return <FollowedView key={now.code} code={now.code} />;
    case "card":
      return <Plain of={CardView} />;
    case "settings":
      return <Plain of={SettingsView} />;
  }
}

function Plain({ of: Component }: { of: ComponentType<object> }) {
  return <Component />;
}

/** What was told of a bus that is waited for, also for phones that keep messages from the page. */
function Told() {
  const message = told.value;
  return (
    <div class="told" aria-live="assertive">
      {message && (
        <p>
          <span>
            <b>{message.title}</b> {message.body}
          </span>
          <button
            type="button"
            class="round"
            aria-label={t("close")}
            onClick={() => {
              told.value = null;
            }}
          >
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}
