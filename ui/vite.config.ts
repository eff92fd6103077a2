import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  // Said here too, because SvelteKit reads this file again while it builds, from whatever folder it was called in.
  root,
  plugins: [
    tailwindcss(),
    sveltekit({
      // Every address is answered by index.html; the router in the browser takes it from there.
      adapter: adapter({ pages: `${root}build`, fallback: 'index.html' }),
      // Mail is shown in frames that inherit this policy: no script but our own ever runs.
      csp: { mode: 'hash', directives: { 'script-src': ['self'], 'object-src': ['none'], 'base-uri': ['self'] } },
    }),
  ],
  resolve: { alias: { $lib: fileURLToPath(new URL('./src/lib', import.meta.url)) } },
  server: { proxy: { '/api': 'http://127.0.0.1:3000' } },
});
