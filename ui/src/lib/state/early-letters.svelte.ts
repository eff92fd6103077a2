/**
 * What somebody types into a popover before the field of its list is there and has the focus, for that field to begin with.
 * `hear` listens on the popover and on what opens it.
 */
export class EarlyLetters {
  typed = $state('');

  hear = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement) return;
    const isLetter = event.key.length === 1 && (event.key !== ' ' || this.typed !== '') && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isLetter) return;
    event.preventDefault();
    this.typed += event.key;
  };
}
