import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// `npm run dev` shows the page of a program that runs elsewhere; both think that they are one host.
const server = process.env["STRIKEWIRE_URL"] ?? "http://127.0.0.1:8081";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/strikewire/api/page",
    emptyOutDir: true,
    target: "es2022",
    // The policy allows no inline script: nothing is to be written into index.html, and no asset into CSS.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      "^/(api|udf|health)(/|$)": { target: server, changeOrigin: true },
      "/ws": { target: server, changeOrigin: true, ws: true, rewriteWsOrigin: true },
    },
  },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
