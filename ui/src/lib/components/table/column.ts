import type { Snippet } from 'svelte';

/** One column of a list. A column without `text` is drawn by the table's `cell` snippet, which is told its id. */
export interface Column<Row> {
  /** Also its name in the remembered choice. */
  readonly id: string;
  readonly label: string;
  readonly text?: (row: Row) => string;
  /** The API's names of both directions and the one a first click gives; without it the head is plain text. */
  readonly sort?: { readonly up?: string; readonly down?: string; readonly first: 'up' | 'down' };
  readonly align?: 'end';
  /** From which width it shows; narrower, and on cards, it is left out. */
  readonly from?: 'md' | 'lg' | 'xl';
  /** Off until a person chooses it. */
  readonly extra?: boolean;
  readonly class?: string;
}

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly note?: string;
}

/** One filter of a list: a chip once it has a value. Its options are given, looked up as one types, or a form of its own. */
export interface FilterSpec {
  /** Its name in the address and for the API. */
  readonly key: string;
  readonly label: string;
  readonly options?: readonly Option[];
  readonly find?: (text: string) => Promise<readonly Option[]>;
  /** The value in words, when the options at hand do not hold it. */
  readonly labelOf?: (value: string) => string | Promise<string>;
  readonly editor?: Snippet<[value: string, choose: (value: string | null) => void]>;
}

/** Which widths show a column, as classes of its cells. */
export const widths = { md: 'hidden md:table-cell', lg: 'hidden lg:table-cell', xl: 'hidden xl:table-cell' } as const;
