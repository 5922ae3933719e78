import "@fontsource/ibm-plex-sans/400.css";
import "@fontsource/ibm-plex-sans/600.css";
import "@fontsource/ibm-plex-mono/400.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/kit.css";
import { render } from "preact";
import { App } from "./shell/app";
import { listenForKeys } from "./shell/commands";
import { start } from "./shell/load";
import { applyPreferences } from "./shell/preferences";

applyPreferences();
listenForKeys();
start();
const place = document.getElementById("app");
if (place) render(<App />, place);
