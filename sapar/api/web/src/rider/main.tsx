import "./rider.css";
import { render } from "preact";
import { followLinks } from "./address";
import { App } from "./app";
import { boot } from "./boot";
import { type InstallEvent, offer } from "./install";
import { startSending } from "./outbox";
import { applyPreferences } from "./preferences";
import { startTicker } from "./ticker";
import { startSearch } from "./views/home";
import { startWatching } from "./watch";

applyPreferences();
followLinks();
startTicker();
startSearch();
const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<App />, place);
}
startWatching();
startSending();

// The offer to install comes once and early; the settings show it when the rider looks for it.
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer.value = event as InstallEvent;
});

if ("serviceWorker" in navigator && isSecureContext) {
  addEventListener("load", () => {
    void navigator.serviceWorker.register(`${boot.base}/rider/sw.js`, {
      scope: `${boot.base}/rider`,
    });
  });
}
