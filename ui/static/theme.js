// Runs before the first paint: the chosen mode and accent, without a flash of the other.
(function () {
  var root = document.documentElement;
  var mode = localStorage.getItem('mode-watcher-mode') || 'system';
  var dark = mode === 'dark' || (mode === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.classList.toggle('dark', dark);
  root.style.colorScheme = dark ? 'dark' : 'light';
  root.dataset.accent = localStorage.getItem('fermata-accent') || 'indigo';
})();
