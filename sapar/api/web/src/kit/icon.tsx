/** Line icons of 16 by 16; no pictures are shipped. */
const paths = {
  menu: "M2 4h12M2 8h12M2 12h12",
  close: "m3 3 10 10M13 3 3 13",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  target: "M8 1v4M8 11v4M1 8h4M11 8h4",
  filter: "M2 3h12L9.5 8.5v4.5l-3-1.5v-3Z",
  help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9.2 8 10M8 12.2v1.2",
  person: "M8 8.2a3 3 0 1 0 0-6 3 3 0 0 0 0 6M2.5 14c.6-3 2.8-4.3 5.5-4.3s4.9 1.3 5.5 4.3",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M3 13.5h10",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.5V8l2.5 1.8",
  check: "m3 8.5 3.5 3.5L13 4.5",
  undo: "M3 6h6.5a3.5 3.5 0 0 1 0 7H6M3 6l3-3M3 6l3 3",
  flip: "M5 2v11M5 13l-2.5-3M5 13l2.5-3M11 14V3M11 3 8.5 6M11 3l2.5 3",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8ZM6.8 14.3h2.4",
  trash: "M3 4.5h10M6 4.5V2.8h4v1.7M4.5 4.5l.6 9h5.8l.6-9",
  edit: "M3 13l.6-2.8 7-7 2.2 2.2-7 7Z",
  left: "M10 3 5 8l5 5",
  right: "m6 3 5 5-5 5",
  down: "m3 6 5 5 5-5",
  first: "M3.5 3v10M12 3 6.5 8l5.5 5",
  last: "M12.5 3v10M4 3l5.5 5L4 13",
  play: "M5 3v10l8-5Z",
  pause: "M5.5 3v10M10.5 3v10",
  sound: "M2.5 6v4H5l3.5 3V3L5 6ZM11 5.5a3.5 3.5 0 0 1 0 5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon-line" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** A button that shows an icon and says its name to those who do not see it. */
export function IconButton(props: {
  icon: IconName;
  title: string;
  onClick: () => void;
  bare?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  class?: string;
}) {
  return (
    <button
      type="button"
      class={`icon ${props.bare ? "bare" : ""} ${props.class ?? ""}`}
      title={props.title}
      aria-label={props.title}
      disabled={props.disabled ?? false}
      {...(props.pressed === undefined ? {} : { "aria-pressed": props.pressed })}
      {...(props.expanded === undefined ? {} : { "aria-expanded": props.expanded })}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}
