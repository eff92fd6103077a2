import { count, plural } from '$lib/format/format.svelte.ts';

const mails = (size: number) => plural(size, 'mail', 'mails');
const windows = { second: 'a second', minute: 'a minute', hour: 'an hour', day: 'a day' } as const;

export const connections = {
  title: 'SMTP',
  description: 'Connections send the mail of campaigns, forms and tests.',
  add: 'Add Connection', counted: (size: number) => plural(size, 'connection', 'connections'),
  name: 'Name', namePlaceholder: 'SES production', vendor: 'Vendor Type', host: 'Host', hostPlaceholder: 'smtp.example.com', port: 'Port', secure: 'Secure', username: 'Username', password: 'Password', fromEmail: 'From Email', fromName: 'From Name',
  passwordKept: 'Saved. Leave empty to keep it.', fromHelp: 'Fills the campaign builder.',
  secures: { starttls: 'STARTTLS', tls: 'TLS', none: 'None' } as Record<string, string>,
  health: 'Health', sender: 'Sender', today: 'Sent today', limits: 'Limits', usedBy: 'Used by', usedByCount: (n: number) => (n === 0 ? '–' : plural(n, 'campaign', 'campaigns')),
  ofDaily: (sent: number, limit: number) => `${count(sent)} of ${count(limit)}`, noLimit: 'No limit', limit: (size: number, window: keyof typeof windows) => `${count(size)} ${windows[window]}`, warmingUp: 'Warming up',
  edit: 'Edit', enable: 'Enable', disable: 'Disable', nowEnabled: 'Connection enabled.', nowDisabled: 'Connection disabled. It sends nothing.',
  test: 'Test Connection', testDetail: 'Signs in and sends one simple mail.', recipient: 'Recipient', sendTest: 'Send Test', succeeded: 'It works. The mail was accepted.',
  saved: 'Connection saved.', delete: 'Delete', deleteTitle: (name: string) => `Delete “${name}”?`, deleteConsequence: 'Its credentials are destroyed. Campaigns that were sent through it keep their reports.', deleted: 'Connection deleted.',
  emptyTitle: 'No connections', emptyText: 'Without a connection no campaign can launch. Add the SMTP server your mail goes through.',
  unsaved: 'Not saved yet', savedAt: 'Saved',
  leave: { title: 'Leave without saving?', text: 'What you changed in this connection is lost.', leave: 'Leave without saving' },
  conflict: { title: 'Somebody else saved this connection meanwhile', text: 'Load their version and lose your changes, or save what you changed on top of theirs.', theirs: 'Load theirs', mine: 'Save mine on top' },

  sections: { server: 'Server', sender: 'Sender', limits: 'Limits', warmUp: 'Warm-up', break: 'If it breaks' },
  serverBuiltIn: 'The mail catcher is built in: it keeps everything on this machine and sends nothing outward.',
  limitsHelp: 'They hold together, the lowest rules. Campaigns, journeys and test mails share them, over all workers and restarts; a change holds within 5 seconds.',
  per: { second: 'A second', minute: 'A minute', hour: 'An hour', day: 'A day' }, none: 'none', mails: 'mails',
  dayWindow: 'A day is', dayWindows: { midnight: 'A calendar day', rolling: 'Any 24 hours' }, dayWindowHelp: { midnight: (zone: string) => `From midnight to midnight in ${zone}.`, rolling: () => 'As SES counts.' },
  parallel: 'Parallel connections', parallelHelp: '1 to 100; 20 suits most servers.',
  warmUpHelp: 'A new server or address earns its reputation slowly: every day it may send more, until the target. What is left waits for the next day.',
  warmUp: 'Warm up', startedOn: 'First day', first: 'Mails on the first day', growth: 'Growth a day', target: 'Target a day',
  warmUpNow: (day: number, allowed: number) => `Day ${count(day)}: up to ${mails(allowed)} today.`, warmUpSoon: (date: string) => `It begins on ${date}; nothing is sent through it before.`, warmUpDone: 'The target is reached: the warm-up limits nothing any more.', warmUpReaches: (target: number, date: string, day: number) => `It reaches ${count(target)} a day on ${date}, its day ${count(day)}.`,
  domains: {
    title: 'Sending domains', detail: 'What DNS says about the domains your mail comes from. Receivers judge by it.', column: 'Domain', usedBy: (names: string) => `Used by ${names}`,
    kinds: { spf: 'SPF', dkim: 'DKIM', dmarc: 'DMARC' }, states: { ok: 'Right', missing: 'Missing', wrong: 'Wrong', unknown: 'Not known' },
  },
  backup: 'Backup connection', backupHelp: 'Takes over what is left when this one breaks, before a campaign pauses.', noBackup: 'None',
};
