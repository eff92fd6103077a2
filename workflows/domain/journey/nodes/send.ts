import { defineKind } from './node.ts';

/** What a send step says and how it is sent: names as campaigns have them. */
export interface SendConfig {
  readonly subject: string;
  readonly preheader: string;
  readonly fromName: string;
  readonly fromEmail: string;
  readonly replyTo: string;
  readonly html: string;
  /** Empty: derived from the HTML. */
  readonly text: string;
  readonly connection: string;
  readonly trackOpens: boolean;
  readonly trackClicks: boolean;
  readonly utm: Readonly<Record<string, string>>;
}

export const HTML_MAX = 2 * 1_048_576;

export const send = defineKind<SendConfig>({
  kind: 'send', label: 'Send Email', group: 'action', activity: 'send', reads: [],
  summary: 'Sends one mail, with its own subject, content and sender.',
  form: [
    { name: 'subject', label: 'Email Subject', type: 'text', max: 250, mergeTags: true, required: true, default: '' },
    { name: 'preheader', label: 'Preheader', type: 'text', max: 250, mergeTags: true, default: '', help: 'Shown behind the subject in most inboxes.' },
    { name: 'fromName', label: 'From Name', type: 'text', max: 150, mergeTags: true, required: true, default: '' },
    { name: 'fromEmail', label: 'From Email', type: 'email', required: true, default: '' },
    { name: 'replyTo', label: 'Reply-To', type: 'email', default: '', help: 'Empty: the From Email.' },
    { name: 'html', label: 'HTML Content', type: 'html', max: HTML_MAX, required: true, default: '' },
    { name: 'text', label: 'Text', type: 'long-text', max: HTML_MAX, mergeTags: true, default: '', help: 'Empty: made from the HTML.' },
    { name: 'connection', label: 'SMTP Connection', type: 'connection', required: true },
    { name: 'trackOpens', label: 'Track Opens', type: 'boolean', default: true },
    { name: 'trackClicks', label: 'Track Clicks', type: 'boolean', default: true },
    { name: 'utm', label: 'UTM', type: 'utm', default: {}, help: 'Unless set: the journey as campaign, the step as content.' },
  ],
  ports: () => [{ id: 'next', label: 'Next' }],
  step: () => ({ kind: 'act' }),
  describe: ({ subject }) => (subject.trim() === '' ? 'No subject yet' : subject),
});
