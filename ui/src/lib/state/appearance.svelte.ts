export const accents = ['indigo', 'violet', 'blue', 'teal', 'green', 'amber', 'rose', 'graphite'] as const;
export type Accent = (typeof accents)[number];

class Appearance {
  accent: Accent = $state(accents.find((one) => one === globalThis.localStorage?.getItem('fermata-accent')) ?? 'indigo');

  choose(accent: Accent) {
    this.accent = accent;
    localStorage.setItem('fermata-accent', accent);
    document.documentElement.dataset.accent = accent;
  }
}

export const appearance = new Appearance();
