/** What the address bar holds: the city, the selection and the view, so that a link shows the same. */
import { type Phase, phases } from "../data/types";
import { type Question, questions } from "../domain/look";

export interface View {
  readonly lat: number;
  readonly lon: number;
  readonly zoom: number;
}

export interface Address {
  readonly agency: string | null;
  readonly bus: string | null;
  readonly question: Question;
  readonly list: boolean;
  readonly exceptions: boolean;
  readonly hidden: readonly string[];
  readonly hiddenPhases: readonly Phase[];
  readonly at: View | null;
}

/** Reads path and query; what cannot be understood falls back to the default. */
export function readAddress(path: string, query: string): Address {
  const parameters = new URLSearchParams(query);
  const question = questions.find((one) => one === parameters.get("colour"));
  return {
    agency: /^\/([a-z0-9][a-z0-9-]{0,31})\/$/.exec(path)?.[1] ?? null,
    bus: parameters.get("bus"),
    question: question ?? "adherence",
    list: parameters.get("view") === "list",
    exceptions: parameters.has("exceptions"),
    hidden: parameters.getAll("hide"),
    hiddenPhases: phases.filter((phase) => parameters.getAll("hide_state").includes(phase)),
    at: readView(parameters.get("at")),
  };
}

function readView(text: string | null): View | null {
  const numbers = (text ?? "").split(",").map(Number);
  const [lat, lon, zoom] = numbers;
  if (numbers.length !== 3 || lat === undefined || lon === undefined || zoom === undefined) {
    return null;
  }
  const valid = Math.abs(lat) <= 85 && Math.abs(lon) <= 180 && zoom >= 0 && zoom <= 22;
  return valid ? { lat, lon, zoom } : null;
}

/** Writes the query for an address; defaults are left out. `kept` are parameters of other parts. */
export function writeQuery(address: Address, kept: URLSearchParams): string {
  const parameters = new URLSearchParams();
  for (const name of ["lang", "theme", "style"]) {
    const value = kept.get(name);
    if (value !== null) parameters.set(name, value);
  }
  if (address.bus !== null) parameters.set("bus", address.bus);
  if (address.question !== "adherence") parameters.set("colour", address.question);
  if (address.list) parameters.set("view", "list");
  if (address.exceptions) parameters.set("exceptions", "");
  for (const route of address.hidden) parameters.append("hide", route);
  for (const phase of address.hiddenPhases) parameters.append("hide_state", phase);
  if (address.at) {
    const { lat, lon, zoom } = address.at;
    parameters.set("at", `${lat.toFixed(5)},${lon.toFixed(5)},${zoom.toFixed(2)}`);
  }
  const text = parameters.toString().replaceAll("%2C", ",").replaceAll("exceptions=", "exceptions");
  return text === "" ? "" : `?${text}`;
}
