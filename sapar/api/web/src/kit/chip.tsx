import { chipColours, palettes } from "../map/colours";
import { network, theme } from "../shell/state";

/** A route's name in its own colours: the one place where the timetable's colours appear in full. */
export function Chip({ id, name }: { id: string | null; name: string }) {
  if (id === null || name === "") return null;
  const route = network.value.routeById.get(id);
  const { background, text } = chipColours(
    route?.color ?? "",
    route?.text_color ?? "",
    palettes[theme.value],
  );
  return (
    <span class="chip" style={{ background, color: text }}>
      {name}
    </span>
  );
}
