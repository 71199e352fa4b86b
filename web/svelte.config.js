import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

// A default export, because the tools that read this file want one.
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true },
};
