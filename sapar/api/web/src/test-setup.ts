/** What modules read of a browser when they are loaded; unit tests run without one. */
if (!("location" in globalThis)) {
  Object.assign(globalThis, { location: { pathname: "/", search: "", hash: "" } });
}
