import { beforeNavigate, goto } from '$app/navigation';
import { page } from '$app/state';

/** Asks before a person leaves a screen whose changes would be lost. Made while the screen is set up. */
export class LeaveGuard {
  #to = $state<URL | null>(null);
  #isFree = false;

  /** @param holds whether something would be lost; asked at each way out of the screen */
  constructor(holds: () => boolean) {
    beforeNavigate((navigation) => {
      if (this.#isFree || navigation.to?.url.pathname === page.url.pathname || !holds()) return;
      navigation.cancel();
      // Leaving the site altogether, the browser asks by itself.
      if (!navigation.willUnload) this.#to = navigation.to?.url ?? null;
    });
  }

  get isAsking() { return this.#to !== null; }
  set isAsking(asking: boolean) { if (!asking) this.#to = null; }

  /** Past the guard: what is left behind was saved, deleted or given up. */
  go = async (to: string | URL, replace = false): Promise<void> => {
    this.#isFree = true;
    try {
      await goto(to, { replace });
    } finally {
      this.#isFree = false;
    }
  };
  /** To where she wanted to go when it asked. */
  leave = (): void => {
    const to = this.#to;
    this.#to = null;
    if (to) void this.go(to);
  };
}
