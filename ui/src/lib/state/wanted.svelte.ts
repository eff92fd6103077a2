import { goto } from '$app/navigation';
import { page } from '$app/state';

/**
 * The palette leads to a screen's form with `new` in the address, whatever page one is on: the form opens once, and the
 * word goes. Called while a component is set up.
 */
export function whenNew(open: () => void): void {
  $effect(() => {
    if (!page.url.searchParams.has('new')) return;
    open();
    const url = new URL(page.url.href);
    url.searchParams.delete('new');
    void goto(url, { replace: true, reset: false });
  });
}
