import { createHmac, randomUUID } from 'node:crypto';
import { hash as argon2, verify as argon2Verify } from '@node-rs/argon2';
import { verify as bcryptVerify } from '@node-rs/bcrypt';
import { betterAuth } from 'better-auth';
import { organization } from 'better-auth/plugins';
import type { Pool } from 'pg';
import type { Secrets } from '../infra/secrets.ts';

/** 12 h without a request end a session; so do 7 days in any case (`api/modules/auth/identity.ts`). */
export const SESSION_IDLE_SECONDS = 12 * 60 * 60;
export const SESSION_MAX_SECONDS = 7 * 24 * 60 * 60;
/** The idle limit moves at most this often, so reading costs no write. */
const SESSION_TOUCH_SECONDS = 5 * 60;
export const RESET_SECONDS = 60 * 60;

export interface AuthOptions {
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly baseUrl: string;
  /** Takes the one-time token of a forgotten password to its owner. */
  readonly sendReset: (user: { readonly email: string; readonly name: string }, token: string) => Promise<void>;
}

/** With https the name itself forbids a sibling domain to set it (`__Host-`). */
export function sessionCookieName(baseUrl: string): string {
  return baseUrl.startsWith('https:') ? '__Host-fermata' : 'fermata_session';
}

/**
 * Logins, sessions, passwords and memberships, kept by better-auth in the control database through
 * its own adapter. Its HTTP handler is not exposed: our routes call `auth.api` and nothing else can.
 * Sign-up is closed; the first user comes from the set-up, the others by invitation.
 */
export function createAuth(options: AuthOptions) {
  const secure = options.baseUrl.startsWith('https:');
  return betterAuth({
    appName: 'Fermata',
    baseURL: options.baseUrl,
    basePath: '/api/v1/auth',
    secret: options.secrets.derive('sessions').toString('base64url'),
    database: options.pool,
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: 8,
      maxPasswordLength: 1_024,
      password: { hash: hashPassword, verify: ({ hash, password }) => verifyPassword(hash, password) },
      resetPasswordTokenExpiresIn: RESET_SECONDS,
      revokeSessionsOnPasswordReset: true,
      sendResetPassword: async ({ user, token }) => options.sendReset(user, token),
    },
    // A stolen copy of the table must not hold tokens that still work.
    verification: { storeIdentifier: 'hashed' },
    session: { expiresIn: SESSION_IDLE_SECONDS, updateAge: SESSION_TOUCH_SECONDS },
    plugins: [organization({ allowUserToCreateOrganization: false })],
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    advanced: {
      // The index of an organization is named after its id, so ids are lower-case.
      database: { generateId: () => randomUUID() },
      useSecureCookies: false,
      cookies: { session_token: { name: sessionCookieName(options.baseUrl), attributes: { secure, httpOnly: true, sameSite: 'lax', path: '/' } } },
    },
  });
}

export type Auth = ReturnType<typeof createAuth>;

/** argon2id, the library's default. OWASP ASVS appendix: 46 MiB, one pass; 28 ms a hash. */
const ARGON = { memoryCost: 47_104, timeCost: 1, parallelism: 1 };

/** Hashing takes a core and 46 MiB: two at a time, the others wait their turn. */
const MAX_HASHING = 2;
let hashing = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  while (hashing >= MAX_HASHING) await new Promise<void>((resolve) => waiting.push(resolve));
  hashing += 1;
  try {
    return await work();
  } finally {
    hashing -= 1;
    waiting.shift()?.();
  }
}

export function hashPassword(password: string): Promise<string> {
  return inTurn(() => argon2(password, ARGON));
}

/** Knows argon2 and the bcrypt of older systems, which only reads the first 72 bytes of a password. */
export function verifyPassword(hash: string, password: string): Promise<boolean> {
  return inTurn(() => (isOutdated(hash) ? bcryptVerify(password, hash) : argon2Verify(hash, password)));
}

/** Whether a hash that verified is to be replaced by one of today's: bcrypt of any kind (`$2a$`, `$2b$`, `$2y$`). */
export function isOutdated(hash: string): boolean {
  return hash.startsWith('$2');
}

/** The value better-auth's session cookie has for a session token: the token and its signature. */
export function signCookie(token: string, secrets: Secrets): string {
  const secret = secrets.derive('sessions').toString('base64url');
  return encodeURIComponent(`${token}.${createHmac('sha256', secret).update(token).digest('base64')}`);
}
