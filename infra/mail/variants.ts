import { AppError } from '#domain/shared/errors.ts';
import { compileMail, type CompiledMail, type CompileOptions } from './content.ts';
import type { SendableMail } from './source.ts';

/** A mail with all its variants compiled. */
export interface CompiledVariants {
  /** The mail of a variant, from 1; null where there are none. */
  of(variant: number | null): CompiledMail;
  /** Destinations of clicks by number: those of the first variant, then of the second. */
  readonly urls: readonly string[];
  /** Fields that any variant reads. */
  readonly paths: readonly string[];
}

/** Links of a mail, all variants together: a tracking id holds 12 bits of them. */
const MAX_LINKS = 4_096;

/** @throws AppError `invalid` when there are more links than tracking ids can name; Error when a source cannot be compiled */
export function compileVariants(mail: SendableMail, options: Omit<CompileOptions, 'firstLink'>): CompiledVariants {
  const compiled: CompiledMail[] = [];
  const urls: string[] = [];
  for (const source of mail.variants) {
    const each = compileMail(source, { ...options, firstLink: urls.length });
    compiled.push(each);
    urls.push(...each.urls);
  }
  if (urls.length > MAX_LINKS) throw new AppError('invalid', `The variants have ${urls.length} different links together; at most ${MAX_LINKS} can be tracked.`);
  return {
    urls,
    paths: [...new Set(compiled.flatMap((each) => each.paths))],
    of(variant) {
      const found = compiled[(variant ?? 1) - 1];
      if (found === undefined) throw new AppError('invalid', 'This campaign has no such variant.');
      return found;
    },
  };
}
