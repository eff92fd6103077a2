import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Secrets } from '../secrets.ts';

/**
 * What a tracking id is good for; an id made for one is refused for another. A form has its number for that of a mail, a
 * sign-up and a picture theirs for an ordinal; test mails have ordinal 0.
 */
export const trackingKinds = { click: 1, open: 2, unsubscribe: 3, messageId: 4, testUnsubscribe: 5, form: 6, signUp: 7, preferences: 8, hiddenLink: 9, web: 10, image: 11 } as const;
export type TrackingKind = keyof typeof trackingKinds;

export interface TrackingTarget {
  readonly orgNo: number;
  readonly mailNo: number;
  readonly ordinal: number;
  /** Number of the link in the mail, 0 to 4,095; 0 for other kinds. */
  readonly link: number;
}

export interface TrackingIds {
  /** Ids of one message, in the order asked for: one cipher call for all. */
  mint(target: Omit<TrackingTarget, 'link'>, blocks: readonly { readonly kind: TrackingKind; readonly link: number }[]): string[];
  /** The target, or null when the id was altered, shortened or made for something else. */
  read(id: string, kind: TrackingKind): TrackingTarget | null;
  /** Number of the organization an id of any kind is of, or null. */
  orgNoOf(id: string): number | null;
}

const BLOCK = 16;
/** An altered id decrypts to rubbish, and these 32 bits fail with 1 in 4 billion exceptions. */
const FIXED = 0xf3a1_7c0d;

/**
 * Signed opaque ids of 22 characters: one AES-128 block per link of
 * [organization 24 bits, mail 24, ordinal 32, link 12, kind 4, fixed 32], under a key of this installation.
 * An HMAC per link made 6,800 mail/s where blocks made 12,000 (2 cores). Each block is encrypted alone (ECB): no two
 * are equal, since link and kind are part of them.
 */
export function createTrackingIds(secrets: Secrets): TrackingIds {
  const key = secrets.derive('tracking').subarray(0, BLOCK);
  // One cipher for all: ECB keeps nothing between blocks, and making one for each mail cost 0.045 ms.
  const cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);

  /** What was sealed, or null for what was not sealed here or altered since. */
  function open(id: string): Buffer | null {
    if (!/^[A-Za-z0-9_-]{22}$/.test(id)) return null;
    const sealed = Buffer.from(id, 'base64url');
    // 22 characters hold 132 bits: without this a change in the last four would go unnoticed.
    if (sealed.length !== BLOCK || sealed.toString('base64url') !== id) return null;
    const plain = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(sealed);
    return plain.readUInt32BE(12) === FIXED ? plain : null;
  }

  return {
    mint(target, blocks) {
      const plain = Buffer.allocUnsafe(BLOCK * blocks.length);
      for (let i = 0; i < blocks.length; i += 1) {
        const block = blocks[i] as { kind: TrackingKind; link: number };
        const at = i * BLOCK;
        plain.writeUIntBE(target.orgNo, at, 3);
        plain.writeUIntBE(target.mailNo, at + 3, 3);
        plain.writeUInt32BE(target.ordinal, at + 6);
        plain.writeUInt16BE((block.link << 4) | trackingKinds[block.kind], at + 10);
        plain.writeUInt32BE(FIXED, at + 12);
      }
      const sealed = cipher.update(plain);
      const ids: string[] = new Array(blocks.length);
      for (let i = 0; i < blocks.length; i += 1) ids[i] = sealed.toString('base64url', i * BLOCK, i * BLOCK + BLOCK);
      return ids;
    },
    orgNoOf: (id) => open(id)?.readUIntBE(0, 3) ?? null,
    read(id, kind) {
      const plain = open(id);
      const tail = plain?.readUInt16BE(10) ?? 0;
      if (plain === null || (tail & 0xf) !== trackingKinds[kind]) return null;
      return { orgNo: plain.readUIntBE(0, 3), mailNo: plain.readUIntBE(3, 3), ordinal: plain.readUInt32BE(6), link: tail >> 4 };
    },
  };
}
