import { count, plural } from '$lib/format/format.svelte.ts';

const mails = (size: number) => plural(size, 'mail', 'mails');
const people = (size: number) => plural(size, 'recipient', 'recipients');
const hours = (size: number) => plural(size, 'hour', 'hours');
const variants = (size: number) => plural(size, 'variant', 'variants');

/** The screens on which a campaign is written. */
export const builder = {
  steps: { basic: 'Basic Details', content: 'Content', targeting: 'Targeting', smtp: 'SMTP', tracking: 'Tracking', scheduling: 'Scheduling' },
  stepsLabel: 'Steps',
  marks: { complete: 'complete', incomplete: 'incomplete', faulty: 'needs attention' },
  subject: 'Subject Line', preheader: 'Preheader Text', preheaderHelp: 'Shown after the subject in most inboxes.', fromName: 'From Name', fromEmail: 'From Email', replyTo: 'Reply-To Email', replyToHelp: 'Empty: the From Email.',
  choose: 'Choose…', alternatives: (size: number) => plural(size, 'alternative', 'alternatives'),

  parts: { message: 'Message', test: 'A/B Testing' }, partsLabel: 'Parts of the content', testOff: 'off',
  contentTabs: 'Alternatives of the content', contentTab: (no: number) => `Content ${no}`, addContent: 'Add content', nothingWritten: 'Nothing written yet', nothingWrittenHelp: 'Write or paste HTML, or begin with a template and make it yours.', beginWithTemplate: 'Begin with a template', removeContent: (no: number) => `Remove content ${no}`, 

  test: {
    title: 'A/B Testing', help: 'Sends 2 to 26 variants to a part of the recipients, and the best of them to the rest.',
    what: 'What differs', whatHelp: 'Up to five of each. Every combination is a variant.',
    subjects: 'Subject Line', fromNames: 'From Name', contents: 'Content',
    no: (what: string, no: number) => `${what} ${no}`, add: { subjects: 'Add subject line', fromNames: 'Add from name', contents: 'Add content' }, remove: (what: string, no: number) => `Remove ${what.toLowerCase()} ${no}`,
    write: (no: number) => `Edit content ${no}`,
    how: 'How it is tested',
    percent: 'Test percentage', percentHelp: (tested: number, rest: number) => (rest === 0 ? `All ${people(tested)} get a variant; no winner is sent.` : `${count(tested)} get a variant, ${count(rest)} the winner.`), percentPlain: '1 to 100 % of the recipients.',
    duration: 'Test duration', durationHelp: 'From the last test mail to the winner; 1 to 168 hours.', durationBandit: 'From the first test mail to the winner; 1 to 168 hours.', hours: 'hours',
    winner: 'Winner', winners: { open_rate: 'Open Rate', click_rate: 'Click Rate' }, winnerHelp: { open_rate: 'Opened by people, of those sent.', click_rate: 'Clicked by people, of those sent.' },
    distribution: 'Distribution',
    distributions: { random: 'Random', weighted: 'Weighted', bandit: 'Smart Bandit' },
    distributionHelp: { random: 'Equal shares.', weighted: 'Shares of your choice.', bandit: '20 batches; what does better gets more.' },
    table: 'Variants', label: 'Variant', share: 'Share', mails: 'Recipients', weight: (label: string) => `Weight of variant ${label}`, sum: (sum: number) => `Sum ${sum} %`, even: 'Share equally', seen: 'Look at it', drawn: 'drawn as it runs',
    tooMany: (size: number) => `${variants(size)} are more than 26. Remove some alternatives.`,
    empty: 'empty',
  },

  targetsDetail: 'Everyone gets it once. Suppressed, unsubscribed and bounced people are left out by themselves.',
  targets: 'Targets', addTarget: 'Add Target', which: 'Which', mode: 'Include or exclude', include: 'Include', exclude: 'Exclude', removeTarget: 'Remove target', noTargets: 'No target yet. Add a list or segment to include.',
  findTarget: 'Find a list or segment', ofCampaign: { failed: (name: string) => `Failed or in doubt in “${name}”`, not_opened: (name: string) => `Did not open “${name}”` }, ofCampaigns: 'Recipients of a campaign', nothingFound: 'Nothing is called so.', gone: 'Deleted',
  estimate: 'Estimate', estimateEmpty: 'Add a target to see to how many it goes.', recount: 'Count again',
  waterfall: { included: 'Included', duplicates: 'Duplicates', excluded: 'Excluded', suppressed: 'Suppressed', unsubscribed: 'Unsubscribed', bounced: 'Bounced', final: 'Final recipients' },
  capped: (size: number) => `${people(size)} of these have had as many mails as the frequency cap allows, and would be skipped if it were sent now.`,
  examples: (line: string) => `Examples: ${line}`, examplesDetail: 'The newest, up to 20.', showExamples: (line: string) => `Show examples: ${line}`, noExamples: 'Nobody.',
  why: { title: 'Ask about an address', email: 'Address', placeholder: 'ada@example.com', ask: 'Ask', stale: 'The targets have changed since. Ask again.' },

  delivery: {
    mode: 'How it is sent',
    modes: { single: 'Single', split: 'Percentage Split', round_robin: 'Round Robin' },
    modeHelp: { single: 'Everything over one connection.', split: 'A fixed share of the recipients over each.', round_robin: 'Batch by batch, each to the next connection.' },
    connection: 'Connection', connections: 'Connections', share: (name: string) => `Share of ${name}`, sum: (sum: number) => `Sum ${sum} %`, missing: (rest: number) => (rest > 0 ? `${rest} % to give` : `${-rest} % too many`), even: 'Share equally', mails,
    none: 'No connection yet. Without one no campaign can launch.', add: 'Add Connection', manage: 'Manage connections', catcher: 'Keeps everything on this machine. Nothing reaches real people.', disabled: 'Disabled', atLeastTwo: 'Choose two or more.',
    onBreak: 'If a connection breaks', breaks: { pause: 'Pause the campaign', carry_on: 'Carry on with the other connections' }, breakHelp: { pause: 'It waits until the connection works again or you decide.', carry_on: 'Recipients not yet sent to move to the others; the report shows the real split.' },
    throttle: 'Throttle', throttleHelp: 'Mails of this campaign a minute at most, over all connections. Empty: no throttle.', perMinute: 'mails a minute', takes: (time: string) => `Takes ${time} or more.`,
  },

  trackOpens: 'Track Opens', trackOpensHelp: 'Counts who opened, by an invisible image.', trackClicks: 'Track Clicks', trackClicksHelp: 'Counts who clicked, by leading links through this server.',
  utmHelp: 'Added to every web link. A parameter already on the link wins; empty ones are left out.', utmSwitch: 'Add UTM parameters', utmFor: 'UTM parameters',
  utmKeys: { utm_source: 'Source', utm_medium: 'Medium', utm_campaign: 'Campaign', utm_content: 'Content', utm_term: 'Term' } as Record<string, string>, utmVariant: 'the variant’s label',

  when: {
    legend: 'When it starts',
    now: 'Launch now', nowHelp: 'When you press Launch.', organization: 'At a time', organizationHelp: (zone: string) => `By the clock of ${zone}.`, recipient: 'In each recipient’s time zone', recipientHelp: (zone: string) => `By her own clock, else that of ${zone}.`, recipientTest: 'Not with A/B testing.',
    at: 'Date and time', zone: (zone: string) => `Time zone of the organization: ${zone}`,
    starts: (time: string, zone: string, left: string) => `Starts ${time} (${zone}), in ${left}.`,
    gap: (wanted: string, real: string) => `${wanted} is skipped by daylight saving that day: it starts at ${real}.`, twice: (wanted: string) => `${wanted} comes twice that night, as clocks go back: it starts at the first.`,
    freezes: (time: string) => `The audience is settled ${time}, when the first clocks of the world show the hour.`, freezesNow: 'The audience is settled at once: in the first time zones of the world the hour is over.', ends: (time: string) => `The last time zones get it ${time}.`,
    past: 'For whom the hour is over already', pasts: { next_day: 'The next day, at that hour', now: 'At once' },
    settled: 'Who gets it is settled when it starts; lists and segments may change until then.',
    problems: { missing: 'Give a date and time.', over: 'This time is over. Choose one at least a minute ahead, or launch now.', experiment: 'An A/B test cannot follow each recipient’s own time zone.' },
  },

  notSaved: 'Not saved', unreachable: 'Not saved: trying again',
  conflict: 'Somebody else changed this campaign', conflictDetail: 'Their version was saved after you opened it. Load it and lose what you changed since, or save what you changed on top of theirs.', loadTheirs: 'Load theirs', saveMine: 'Save mine on top',
  leave: { title: 'Leave without saving?', text: 'What you changed last could not be saved and is lost.', leave: 'Leave without saving' },

  summary: 'What will happen', to: (size: number) => (size === 1 ? 'recipient' : 'recipients'), through: 'Through', from: 'From', starts: 'Starts', startsNow: 'When you launch', noTime: 'Time not chosen', recipientClock: (time: string) => `${time}, each by her own clock`, noConnection: 'No connection', noSender: 'No sender', throttled: 'Throttle', perMinute: (rate: number) => `${count(rate)} a minute`,
  testLine: 'A/B test', testSummary: (of: number, tested: number | null, by: string) => `${variants(of)}${tested === null ? '' : ` to ${count(tested)}`}, the best by ${by}`, testAll: (of: number) => `${variants(of)} to everyone`,
  missing: (scheduled: boolean) => (scheduled ? 'Before you can schedule' : 'Before you can launch'), warnings: 'Worth a look', launch: 'Launch', schedule: 'Schedule', ready: (scheduled: boolean) => (scheduled ? 'Ready to schedule.' : 'Ready to launch.'), checking: 'Checking…', more: (size: number) => `${count(size)} more`,

  sendTest: 'Send Test Email', testAddresses: 'Addresses', testHelp: 'Up to 10, separated by commas.', testDetail: 'The subject starts with [TEST]. Nothing is tracked or counted, and suppression does not apply.', send: 'Send', testSent: 'Sent', testRefused: 'Not sent', testMissing: 'Enter at least one address.', testMany: 'At most 10 addresses.', openCatcher: 'Read it in the mail catcher',
  testAs: 'As customer', testVariant: 'Variant', allVariants: 'All variants',
  checklist: 'Look at', checklistItems: ['Subject and preheader', 'Sender', 'Tags, and what stands where there is no value', 'Links, and the unsubscribe link', 'Images, with their words', 'Desktop and phone', 'Spintax', 'Plain text'],

  launchTitle: (name: string) => `Launch “${name}”?`, scheduleTitle: (name: string) => `Schedule “${name}”?`,
  consequence: (size: number, connection: string) => `This sends ${mails(size)} through ${connection}, starting now.`,
  consequenceScheduled: (size: number, connection: string, time: string) => `This sends ${mails(size)}, as counted now, through ${connection}, starting ${time}.`,
  laneMails: (name: string, size: number | null) => (size === null ? name : `${name}: ${mails(size)}`),
  consequenceTest: (of: number, tested: number, rest: number, duration: number, by: string) => (rest === 0 ? `${variants(of)} go to all ${people(tested)}.` : `${variants(of)} go to ${people(tested)} first; after ${hours(duration)} the best by ${by} goes to the other ${count(rest)}.`),
  consequenceThrottle: (rate: number, time: string) => `At ${count(rate)} a minute it takes ${time} or more.`,
  locked: 'Content and audience are locked from then on.', changeable: 'You can unschedule it until then; nothing leaves before.',
  acknowledge: 'I have seen the warnings and want to go on.',
  launched: 'Launched. Sending starts now.', scheduled: (time: string) => `Scheduled for ${time}.`,

  isScheduled: (time: string) => `Scheduled for ${time}`, isScheduledText: 'Nothing leaves before. To edit it, it becomes a draft again and has to be scheduled anew.', editAgain: 'Edit',
  notDraft: 'This campaign is not a draft any more.', view: 'Open it',
};
