import { AppError } from '#domain/shared/errors.ts';
import { compileMail, type CompiledMail, type CompileOptions } from './content.ts';
import type { SendableMail } from './source.ts';

/** A mail with all its variants compiled. */
export interface CompiledVariants {
  /** The mail of a variant, from 1; null where there are none. */
  of(variant: number | null): CompiledMail;
  /** Destinations of clicks by number: those of the first variant, then of the second. */
  readonly links: readonly TrackedLink[];
  /** Fields that any variant reads. */
  readonly paths: readonly string[];
}

/** A destination with the variant whose content it is in; null where there are none. */
export interface TrackedLink {
  readonly url: string;
  readonly variant: number | null;
}

/** Links of a mail, all variants together: a tracking id holds 12 bits of them. */
const MAX_LINKS = 4_096;

/** @throws AppError `invalid` when there are more links than tracking ids can name; Error when a source cannot be compiled */
export function compileVariants(mail: SendableMail, options: Omit<CompileOptions, 'firstLink'>): CompiledVariants {
  const compiled: CompiledMail[] = [];
  const links: TrackedLink[] = [];
  for (const [i, source] of mail.variants.entries()) {
    const each = compileMail(source, { ...options, firstLink: links.length });
    compiled.push(each);
    links.push(...each.urls.map((url) => ({ url, variant: mail.hasExperiment ? i + 1 : null })));
  }
  if (links.length > MAX_LINKS) throw new AppError('invalid', `The variants have ${links.length} different links together; at most ${MAX_LINKS} can be tracked.`);
  return {
    links,
    paths: [...new Set(compiled.flatMap((each) => each.paths))],
    of(variant) {
      const found = compiled[(variant ?? 1) - 1];
      if (found === undefined) throw new AppError('invalid', 'This campaign has no such variant.');
      return found;
    },
  };
}
