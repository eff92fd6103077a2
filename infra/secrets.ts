import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Purposes of derived keys: a key made for one is of no use for another. */
export type KeyPurpose = 'secrets' | 'sessions' | 'tracking' | 'unsubscribe' | 'message-id' | 'catcher' | 'erasure' | 'tracking-domain';

export interface Secrets {
  /** 32 bytes that only this installation and this purpose (and scope, an organization's id) have. */
  derive(purpose: KeyPurpose, scope?: string): Buffer;
  /** `v1.<iv>.<tag>.<ciphertext>` (base64url), bound to `place`: a value copied to another row does not open. */
  seal(plain: string, place: string): string;
  /** @throws Error when the value was changed, belongs to another place or another key */
  open(sealed: string, place: string): string;
}

/** AES-256-GCM with a random 96-bit nonce, authenticated with the place of the value (`org|table|column|row`). */
export function createSecrets(masterKeyBase64: string): Secrets {
  const master = Buffer.from(masterKeyBase64, 'base64');
  const derive = (purpose: KeyPurpose, scope = ''): Buffer =>
    Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), `fermata/v1/${purpose}/${scope}`, 32));
  const sealKey = derive('secrets');
  return {
    derive,
    seal(plain, place) {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', sealKey, iv).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return ['v1', iv.toString('base64url'), cipher.getAuthTag().toString('base64url'), sealed.toString('base64url')].join('.');
    },
    open(sealed, place) {
      const [version, iv, tag, body] = sealed.split('.');
      if (version !== 'v1' || iv === undefined || tag === undefined || body === undefined) throw new Error('not a sealed value');
      const decipher = createDecipheriv('aes-256-gcm', sealKey, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
        .setAAD(Buffer.from(place))
        .setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]).toString('utf8');
    },
  };
}
