import type { CampaignAction } from '$lib/api/types.ts';
import { count, plural } from '$lib/format/format.svelte.ts';

const recipients = (count: number) => plural(count, 'recipient', 'recipients');
const mails = (count: number) => plural(count, 'mail', 'mails');

export const campaigns = {
  title: 'Campaigns',
  new: 'New Campaign',
  name: 'Campaign Name',
  namePlaceholder: 'Spring offer',
  nameHelp: 'Only your team sees it.',
  search: 'Search campaigns',
  count: (count: number) => plural(count, 'campaign', 'campaigns'),
  archived: 'Archived',
  emptyTitle: 'No campaigns yet',
  emptyText: 'A campaign is one message to one audience, sent once. Write it, test it, see to how many it goes, then launch.',
  state: 'State', progress: 'Progress', sent: 'Sent', opened: 'Opened', clicked: 'Clicked', changed: 'Changed',
  allowed: { edit: 'Edit', schedule: 'Schedule', unschedule: 'Unschedule', launch: 'Launch', pause: 'Pause', resume: 'Resume', cancel: 'Cancel', duplicate: 'Duplicate', archive: 'Archive', unarchive: 'Unarchive', delete: 'Delete', test: 'Send Test Email' } satisfies Record<CampaignAction, string>,
  done: { unschedule: 'Unscheduled. It is a draft again.', pause: 'Pausing. Mail in flight finishes.', resume: 'Sending goes on where it stopped.', cancel: 'Campaign cancelled.', duplicate: 'Copied into a new draft.', archive: 'Campaign archived.', unarchive: 'Campaign is back in the list.', delete: 'Draft deleted.' } as Record<string, string>,
  duplicate: {
    title: (name: string) => `Duplicate “${name}”`, text: 'The copy is a new draft with the same content and settings. The original stays as it is.', legend: 'Who gets it',
    everyone: 'The same audience', everyoneHelp: 'Its lists and segments, as they are when the copy starts.',
    failed: (size: number) => `Only failed or in doubt (${count(size)})`, failedHelp: 'Who could not be reached, or perhaps got it. People in doubt may get it twice.',
    not_opened: (size: number) => `Only who did not open (${count(size)})`, not_openedHelp: 'Who was sent it and has not opened it when the copy starts. Blocked images hide opens.',
  },
  deleteTitle: (name: string) => `Delete “${name}”?`,
  deleteConsequence: 'The draft and its content are deleted. This cannot be undone.',
  cancelTitle: 'Cancel this campaign?',
  cancelConsequence: (sent: number, rest: number) => `${mails(sent)} have been sent and stay sent. ${recipients(rest)} will get nothing. A cancelled campaign cannot be resumed.`,
  cancelAction: 'Cancel campaign',
  reasons: {
    user: 'Paused by a person.', login_refused: 'The server refuses the login. Check the connection’s username and password, then resume.', sender_refused: 'The server refuses the sender. Check the From Email, then resume.',
    connection_failures: 'The connection keeps failing. Sending resumes by itself once it works again.', policy_refusals: 'Too many receivers refuse the mail. Look at the failures before you resume.', connection_disabled: 'Its connection is disabled. Enable it, then resume.',
    restored: 'Restored from a backup. Check it, then resume.', missed_time: 'It missed its time while the system was down.',
  } as Record<string, string>,
  /** The same in a word, for lists. */
  reasonWords: {
    login_refused: 'Login refused', sender_refused: 'Sender refused', connection_failures: 'Connection failing', policy_refusals: 'Refused by receivers', connection_disabled: 'Connection disabled', complaint_rate: 'Too many complaints', bounce_rate: 'Too many bounces', missed_time: 'Missed its time', restored: 'Restored from a backup', organization_deleted: 'Organization deleted',
  } as Record<string, string>,
  withTest: 'A/B Testing',
  ownZones: 'In each recipient’s time zone',
  unscheduleTitle: 'Take it off the schedule?', unscheduleConsequence: (time: string) => `It would start ${time}. It becomes a draft again, and nothing is sent until you launch or schedule it.`,
  phaseUntil: (phase: string, until: string) => `${phase} until ${until}`,
  view: {
    tabs: { overview: 'Overview', report: 'Report', recipients: 'Recipients', content: 'Content' },
    tabsLabel: 'Campaign',
    of: (total: string) => `of ${total} recipients`,
    rate: 'Rate', perSecond: (rate: string) => `${rate} mails/s`, expectedEnd: 'Expected end', phase: 'Phase',
    sent: 'Sent', pending: 'Waiting', failed: 'Failed', skipped: 'Skipped', inDoubt: 'In doubt', inDoubtHelp: 'The server may have taken these. They are never sent again by themselves.',
    opened: 'Opened', clicked: 'Clicked', unsubscribed: 'Unsubscribed', bounced: 'Bounced',
    launched: 'Launched', ended: 'Ended',
    totalSent: 'Total Sent', openRate: 'Open Rate', clickRate: 'Click Rate', ctor: 'Click-to-Open Rate', bounceRate: 'Bounce Rate',
    totals: (total: string) => `${total} in total`,
    ratio: (part: string, whole: string) => `${part} of ${whole}`,
    timeline: 'Timeline', timelineEmpty: 'Sends, opens and clicks per hour appear here once mail has left.',
    links: 'Links', url: 'URL', clicks: 'Clicks', unique: 'People', noLinks: 'No link has been clicked yet.',
    failures: 'Failures', reason: 'Reason', people: 'Recipients', noFailures: 'Nothing failed.',
    exportPng: 'PNG', exportCsv: 'CSV',
    recipientsSearch: 'Search address', anyState: 'Any state', reply: 'Server reply', attempt: 'Attempts', openedAt: 'Opened', clickedAt: 'Clicked', sentAt: 'Sent', address: 'Address',
    noRecipients: 'The audience is settled at launch. Recipients appear here then.',
    subject: 'Subject', from: 'From', connection: 'Connection',
  },
  chart: { sent: 'Sent', opened: 'Opened', clicked: 'Clicked', label: 'Sent, opened and clicked over time', when: 'When' },
};
