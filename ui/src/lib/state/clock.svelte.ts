/** The time, every second, for what counts down. Made while a component is set up; it ticks while that is there. */
export class Clock {
  now = $state(Date.now());

  constructor() {
    $effect(() => {
      const timer = setInterval(() => { this.now = Date.now(); }, 1_000);
      return () => clearInterval(timer);
    });
  }
}

/** Asks now and again while the screen is looked at. Called while a component is set up. */
export function every(ms: number, ask: () => void): void {
  $effect(() => {
    ask();
    const timer = setInterval(() => { if (!document.hidden) ask(); }, ms);
    return () => clearInterval(timer);
  });
}
