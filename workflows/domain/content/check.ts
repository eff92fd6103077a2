import type { FieldError } from '../shared/errors.ts';
import { parseTemplate, type Condition, type Operand, type Piece } from './language.ts';

/** Fields every customer has; custom fields come as `custom.<key>`. */
export const standardFields = ['email', 'first_name', 'last_name', 'phone', 'city', 'country', 'score', 'timezone'] as const;
/** What the system fills in. */
export const systemFields = ['unsubscribe_url'] as const;

export interface ContentProblems {
  readonly errors: readonly (FieldError & { readonly line: number })[];
  /** Fields the content reads, each once. */
  readonly paths: readonly string[];
}

/**
 * Finds what is wrong with merge tags: unreadable tags, and fields that do not exist unless `default` is given.
 * @param parts source by field name, like `{ subject, html }`
 * @param customKeys keys of the organization's custom fields
 */
export function checkContent(parts: Readonly<Record<string, string>>, customKeys: ReadonlySet<string>): ContentProblems {
  const errors: (FieldError & { line: number })[] = [];
  const paths = new Set<string>();
  for (const [field, source] of Object.entries(parts)) {
    const template = parseTemplate(source);
    for (const problem of template.problems) errors.push({ field, message: `Line ${problem.line}: ${problem.message}`, line: problem.line });
    for (const use of usesOf(template.pieces)) {
      paths.add(use.path);
      if (exists(use.path, customKeys) || use.hasDefault) continue;
      errors.push({ field, line: use.line, message: `Line ${use.line}: there is no field ${use.path}. Correct the name, or give a default: {{ ${use.path} | default: "…" }}.` });
    }
  }
  return { errors, paths: [...paths] };
}

function exists(path: string, customKeys: ReadonlySet<string>): boolean {
  if ((standardFields as readonly string[]).includes(path) || (systemFields as readonly string[]).includes(path)) return true;
  return path.startsWith('custom.') && customKeys.has(path.slice(7));
}

/** Every field a template reads, with where, and whether a missing value is provided for. */
export function* usesOf(pieces: readonly Piece[]): Generator<{ path: string; line: number; hasDefault: boolean }> {
  let line = 1;
  for (const piece of pieces) {
    if (piece.kind === 'output') {
      line = piece.line;
      const hasDefault = piece.filters.some((filter) => filter.name === 'default');
      if ('path' in piece.operand) yield { path: piece.operand.path, line, hasDefault };
    } else if (piece.kind === 'branch') {
      for (const arm of piece.arms) {
        if (arm.when !== null) for (const path of conditionPaths(arm.when)) yield { path, line, hasDefault: false };
        yield* usesOf(arm.pieces);
      }
    }
  }
}

function* conditionPaths(condition: Condition): Generator<string> {
  const of = (operand: Operand): string[] => ('path' in operand ? [operand.path] : []);
  if (condition.kind === 'truthy') yield* of(condition.operand);
  else if (condition.kind === 'compare') yield* [...of(condition.left), ...of(condition.right)];
  else {
    yield* conditionPaths(condition.left);
    yield* conditionPaths(condition.right);
  }
}
