import { readdirSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { riderIcons } from "./rider-icons";

// The development server passes everything but the front end on to a running API.
const api = process.env["SAPAR_API"] ?? "http://127.0.0.1:8080";

// Every page beside this file is an entry of its own: index.html is the console.
const pages = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".html"));

export default defineConfig({
  base: "/",
  plugins: [riderIcons()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200, // the map library is one chunk of its own, fetched beside ours
    rollupOptions: {
      // the rider's service worker is a file of its own, which the API serves below /rider
      input: [...pages, "src/rider/rider-worker.ts"],
      output: { manualChunks: (id) => (id.includes("maplibre-gl") ? "map" : undefined) },
    },
  },
  server: { proxy: { "^/(api|gtfs|[a-z0-9-]+/(api|gtfs))": api } },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    setupFiles: ["src/test-setup.ts"],
  },
});
