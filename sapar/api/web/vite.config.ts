import { defineConfig } from "vitest/config";

// The development server passes everything but the front end on to a running API.
const api = process.env["SAPAR_API"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200, // the map library is one chunk of its own, fetched beside ours
    rollupOptions: {
      output: { manualChunks: (id) => (id.includes("maplibre-gl") ? "map" : undefined) },
    },
  },
  server: { proxy: { "^/(api|gtfs|[a-z0-9-]+/(api|gtfs))": api } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
