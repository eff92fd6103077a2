import { exact } from './format.svelte.ts';
import type { Customer } from '$lib/api/types.ts';

/** The one word for whether a person gets mail, and if not, why. */
export function statusOf(customer: Customer): 'mailable' | 'unsubscribed' | 'bounced' | 'suppressed' {
  if (customer.isUnsubscribed) return 'unsubscribed';
  if (customer.isBounced) return 'bounced';
  if (customer.suppressionStatus === 'suppressed') return 'suppressed';
  return 'mailable';
}

/** 21 Nov 2026 */
export const dayWithYear = (at: string): string => exact(at).split(',')[0] ?? '';
