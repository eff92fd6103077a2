import { bulk, customers, exports, fields, lists, membership, suppressed, timeline, uses, why } from './customers.ts';
import { suppression } from './suppression.ts';
import { suppressionUploads, uploads } from './uploads.ts';

export const audience = {
  customers,
  membership,
  suppressed,
  timeline,
  why,
  bulk,
  lists,
  uses,
  fields,
  exports,
  dashboard: {
    title: 'Dashboard',
    mailable: 'Mailable customers',
    mailableNote: (total: string) => `of ${total} customers`,
    sent: 'Sent, 30 days',
    openRate: 'Open rate',
    clickRate: 'Click rate',
    rateNote: (part: string, whole: string) => `${part} of ${whole} sent`,
    activity: 'Activity, last 30 days',
    noActivity: 'Nothing has been sent yet. The chart fills with the first campaign.',
    running: 'Running and scheduled',
    start: 'Send your first campaign',
    startText: 'Six steps from a file of addresses to mail you can read. Everything stays on this machine: the mail catcher keeps what is sent.',
    progress: (done: number, all: number) => `${done} of ${all} done`,
    steps: {
      uploaded: ['Upload customers', 'A CSV file with an email column, into a list.', '/customers/uploads', 'Upload CSV'],
      looked: ['Look at them', 'Search, open a customer, count a segment.', '/customers', 'Open customers'],
      written: ['Write a campaign', 'A subject, some HTML, and who gets it.', '/campaigns?new=1', 'New Campaign'],
      tested: ['Send a test mail', 'To yourself, before anybody else sees it.', '/campaigns', 'Open campaigns'],
      launched: ['Launch it', 'You see to how many before it leaves.', '/campaigns', 'Open campaigns'],
      arrived: ['See it arrive', 'Read the mails, open one, click a link.', '/mail-catcher', 'Mail catcher'],
    } as Record<string, [string, string, string, string]>,
  },
  uploads,
  suppressionUploads,
  suppression,
};
