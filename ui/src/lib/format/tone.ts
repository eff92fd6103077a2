export type Tone = 'running' | 'paused' | 'done' | 'failed' | 'scheduled' | 'draft';

const tones: Record<string, Tone> = {
  running: 'running', published: 'running', sending: 'running', queued: 'running', validating: 'running', collecting: 'running', resolving: 'running', provisioning: 'running',
  paused: 'paused', in_doubt: 'paused', suppressed: 'paused', skipped: 'paused', unsubscribed: 'paused', degraded: 'paused', warning: 'paused',
  completed: 'done', sent: 'done', active: 'done', mailable: 'done', healthy: 'done', ok: 'done',
  failed: 'failed', bounced: 'failed', broken: 'failed', complaint: 'failed', hard_bounce: 'failed', down: 'failed',
  scheduled: 'scheduled', invited: 'scheduled',
};

/** State colours mean state only; a word always goes with them. */
export const toneOf = (state: string): Tone => tones[state] ?? 'draft';
