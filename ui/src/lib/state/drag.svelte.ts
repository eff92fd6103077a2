import type { Path } from '$lib/segment/tree.ts';

/** A part of a rule on its way to another place by mouse: one at a time on a screen. */
class Drag {
  from = $state.raw<Path | null>(null);
  /** The place under the pointer. */
  to = $state.raw('');

  start(path: Path) { this.from = path; }
  end() {
    this.from = null;
    this.to = '';
  }
  /** Whether it can be dropped here: not into itself. */
  over(event: DragEvent, path: Path): void {
    const { from } = this;
    if (from === null || from.every((index, depth) => path[depth] === index)) return;
    event.preventDefault();
    event.stopPropagation();
    this.to = path.join('.');
  }
  /** @returns where it came from, when it may be dropped here */
  drop(event: DragEvent, path: Path): Path | null {
    const { from, to } = this;
    if (from === null || to !== path.join('.')) return null;
    event.preventDefault();
    event.stopPropagation();
    this.end();
    return from;
  }
}

export const drag = new Drag();
