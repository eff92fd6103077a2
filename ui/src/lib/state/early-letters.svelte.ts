/** Whether a key adds to what was typed so far: a letter, or a space after one, and no shortcut. */
export function isLetter({ key, ctrlKey, metaKey, altKey }: KeyboardEvent, typed: string): boolean {
  return key.length === 1 && (key !== ' ' || typed !== '') && !ctrlKey && !metaKey && !altKey;
}

/**
 * What somebody types into a popover before the field of its list is there and has the focus, for that field to begin with.
 * `hear` listens on the popover and on what opens it.
 */
export class EarlyLetters {
  typed = $state('');

  hear = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || !isLetter(event, this.typed)) return;
    event.preventDefault();
    this.typed += event.key;
  };
}
