import { get, patch, post } from '$lib/api/client.ts';
import type { Body, Organization } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { session } from './session.svelte.ts';

export const login = () => new Action(async (email: string, password: string) => {
  await post('/auth/login', { body: { email, password } });
  await session.load();
});
export const forgotPassword = () => new Action((email: string) => post('/auth/forgot-password', { body: { email } }).then(() => email));
export const resetPassword = () => new Action((token: string, password: string) => post('/auth/reset-password', { body: { token, password } }).then(() => true));
export const acceptInvitation = () => new Action((token: string, name: string, password: string) =>
  post('/invitations/accept', { body: { token, ...(name ? { name } : {}), ...(password ? { password } : {}) } }).then(() => true));

export const saveProfile = () => new Action(async (name: string) => {
  await patch('/me', { body: { name } });
  await session.load();
  return true;
});
export const changePassword = () => new Action((currentPassword: string, newPassword: string) => post('/me/password', { body: { currentPassword, newPassword } }).then(() => true));

export type SetupForm = Required<Body<'/setup', 'post'>>;

/** The first-run wizard: owner, organization, and the wait until its database stands. */
export class Setup {
  step = $state(0);
  codeRequired = $state(false);
  organization = $state.raw<Organization | null>(null);
  form: SetupForm = $state({ name: '', email: '', password: '', organizationName: '', timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC', code: '' });
  submit = new Action(async () => {
    const { code, ...form } = this.form;
    const { organization } = await post('/setup', { body: { ...form, ...(code ? { code } : {}) } });
    this.organization = organization;
    this.step = 2;
    return organization;
  });

  get ready() { return this.organization?.state === 'active'; }

  async needed(): Promise<boolean> {
    const reply = await get('/setup');
    this.codeRequired = reply.codeRequired;
    return reply.needed;
  }

  async poll(): Promise<void> {
    this.organization = await get('/organization');
    if (this.ready) session.take(await get('/me'));
  }
}
