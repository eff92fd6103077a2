import { escapeHtml, multiline, page } from '../http/page.ts';

/** A list as customers see it on their preferences page. */
export interface PublicList {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly isMember: boolean;
}

export interface Preferences {
  readonly organization: string;
  /** Shown in part: whoever was forwarded the mail does not learn it. */
  readonly email: string;
  readonly standing: 'active' | 'unsubscribed' | 'blocked';
  readonly lists: readonly PublicList[];
}

/** The pages a mail's reader sees. */
export const pages = {
  unknownLink: page({ title: 'This link leads nowhere', body: '<p>It is incomplete or was changed. Open it again from the mail.</p>' }),
  ask: page({ title: 'Unsubscribe', body: '<p>You will get no more of these mails.</p><form method="post"><button type="submit">Unsubscribe</button></form>' }),
  /** @param id of the unsubscribe link, which takes it back too */
  done: (id: string) => page({
    title: 'You are unsubscribed',
    body: `<p>You will get no more of these mails.</p><form method="post" action="../resubscribe/${escapeHtml(id)}"><button type="submit" class="quiet">That was a mistake</button></form>`,
  }),
  back: page({ title: 'You are subscribed again', body: '<p>You will get these mails as before.</p>' }),
  blocked: page({ title: 'This cannot be done here', body: '<p>Your address gets no mail for another reason as well, for example because mail to it came back. Please write to the sender.</p>' }),
  test: page({ title: 'Unsubscribe', body: '<p>This is the link of a test mail: it changes nothing.</p>' }),
  testPreferences: page({ title: 'Your mail', body: '<p>This is the link of a test mail: it changes nothing. Readers choose their lists here, or unsubscribe from all.</p>' }),
  testWebVersion: page({ title: 'The mail in a browser', body: '<p>This is the link of a test mail. Readers see their mail here.</p>' }),
  later: page({ title: 'Please try again', body: '<p>Something is not available at the moment. Please try again in a minute.</p>' }),
} as const;

/** What somebody gets, to be changed. @param saved whether this answers a change */
export function preferencesPage({ organization, email, standing, lists }: Preferences, saved: boolean): string {
  const choices = lists.map(({ id, name, description, isMember }) =>
    `<div class="field"><input type="hidden" name="shown" value="${escapeHtml(id)}"><label class="check"><input type="checkbox" name="list" value="${escapeHtml(id)}"${isMember ? ' checked' : ''}>` +
    `<span>${escapeHtml(name)}${description === '' ? '' : `<br><span class="soft">${multiline(description)}</span>`}</span></label></div>`);
  const body = [
    saved ? '<p class="note" role="status">Saved.</p>' : '',
    `<p>What <strong>${escapeHtml(masked(email))}</strong> gets.</p>`,
    standings[standing],
    choices.length === 0 ? '<p>There are no lists to choose from.</p>' : `<form method="post" action="?"><input type="hidden" name="do" value="save">${choices.join('')}<button type="submit">Save</button></form>`,
    standing === 'active' ? `<hr><form method="post" action="?"><input type="hidden" name="do" value="unsubscribe"><p>Or get no mail from us at all.</p><button type="submit" class="quiet">Unsubscribe from all</button></form>` : '',
  ];
  return page({ title: 'Your mail', from: organization, body: body.join('') });
}

const standings: Readonly<Record<Preferences['standing'], string>> = {
  active: '',
  unsubscribed: '<div class="note"><p>You are unsubscribed: nothing is sent to you, whatever is ticked below.</p><form method="post" action="?" style="margin:0"><input type="hidden" name="do" value="resubscribe"><button type="submit" class="quiet">Get mail again</button></form></div>',
  blocked: '<p class="note">Nothing is sent to you for another reason, for example because mail to you came back. Please write to us if you want that changed.</p>',
};

/** `ada@example.com` → `a…@example.com`. */
function masked(email: string): string {
  return `${email.slice(0, 1)}…${email.slice(email.lastIndexOf('@'))}`;
}
