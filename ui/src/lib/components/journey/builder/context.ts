import { createContext } from 'svelte';
import type { JourneyEditor } from '$lib/state/journey-editor.svelte.ts';
import type { Spot } from '$lib/canvas/edit.ts';

/** What cards and ways on the canvas ask of the builder around them. */
export interface Builder {
  readonly editor: () => JourneyEditor;
  readonly isReadOnly: () => boolean;
  /** Lets a person choose what is added. */
  readonly ask: (spot: Spot) => void;
}

export const [useBuilder, provideBuilder] = createContext<Builder>();
