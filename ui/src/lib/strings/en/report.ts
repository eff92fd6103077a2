import { plural } from '$lib/format/format.svelte.ts';

const recipients = (size: number) => plural(size, 'recipient', 'recipients');
const mails = (size: number) => plural(size, 'mail', 'mails');

/** What is said of a campaign that was launched: how it goes, what came of it, why. */
export const reportText = {
  tabsLabel: 'Campaign',
  tabs: { overview: 'Overview', report: 'Report', recipients: 'Recipients', certificate: 'Certificate', content: 'Content' },
  launched: (at: string) => `Launched ${at}`,
  ended: (at: string) => `ended ${at}`,
  scheduledFor: (at: string) => `Starts ${at}`,

  metrics: {
    sent: 'Sent', totalSent: 'Total Sent', delivered: 'Delivered', opened: 'Opened', clicked: 'Clicked', bounced: 'Bounced', complained: 'Complained', unsubscribed: 'Unsubscribed', failed: 'Failed', skipped: 'Skipped', inDoubt: 'In doubt', pending: 'Waiting',
    recipients: 'Recipients', openRate: 'Open Rate', clickRate: 'Click Rate', clickToOpenRate: 'Click-to-Open Rate', bounceRate: 'Bounce Rate', complaintRate: 'Complaint Rate', unsubscribeRate: 'Unsubscribe Rate', deliveryRate: 'Delivery Rate',
  },
  ratio: (part: string, whole: string, of: string) => `${part} of ${whole} ${of}`,
  ofWhat: { sent: 'sent', opened: 'opened', recipients: 'recipients', deliverable: 'over connections that report deliveries' },
  notReported: 'not reported',
  notReportedHelp: 'No connection of this campaign tells of deliveries. A provider with webhooks does.',
  bands: { healthy: 'Healthy', attention: 'Needs attention', critical: 'Critical' },
  bandHelp: {
    bounce: { healthy: 'Below 2 %: healthy.', attention: '2 to 5 %: needs attention.', critical: 'Above 5 %: critical. Clean the list before the next campaign.' },
    complaint: { healthy: 'Below 0.1 %: healthy.', attention: '0.1 to 0.3 %: a warning.', critical: 'Above 0.3 %: critical. Providers may block your mail.' },
  },

  live: {
    label: 'Progress',
    of: (total: string) => `of ${total}`,
    phase: 'Phase', rate: 'Rate', expectedEnd: 'Expected end', until: 'Until', took: 'Took', average: 'Average',
    perSecond: (rate: string) => `${rate} mails/s`,
    perMinute: (rate: string) => `${rate} mails/min`,
    inDoubtHelp: 'The server may have taken these. They are never sent again by themselves; what arrives about them settles it.',
    at: (time: string, left: string) => `${time}, in ${left}`,
    paused: 'Paused', stopped: 'No mail leaves',
  },
  phases: {
    resolving: { name: 'Resolving the audience', says: () => 'Nobody gets mail before everybody who belongs to it is known.' },
    sending: { name: 'Sending', says: () => '' },
    testing: { name: 'Sending the test', says: (until: string | null) => (until ? `The next batch leaves ${until}, by what the variants have earned until then.` : 'The rest waits for the winner.') },
    waiting: { name: 'Waiting for the result', says: (until: string | null) => (until ? `The winner is picked ${until}. Until then you can pick it yourself.` : 'The winner is picked now.') },
    sending_winner: { name: 'Sending the winner', says: () => 'Everybody who was not in the test gets the winning variant.' },
    retrying: { name: 'Retrying', says: (until: string | null) => `Everybody has been tried. Some servers asked to come again later${until ? `; the next attempt is due ${until}` : ''}.` },
    waiting_for_limit: { name: 'Waiting for a limit', says: (until: string | null) => `The limits of the connection or the throttle allow no more now.${until ? ` It goes on ${until}.` : ''}` },
    waiting_for_zone: { name: 'Waiting for a time zone', says: (until: string | null) => `Everybody gets it by her own clock.${until ? ` The next time zone’s turn comes ${until}.` : ''}` },
  } as Record<string, { name: string; says: (until: string | null) => string }>,
  until: (time: string, left: string) => `at ${time}, in ${left}`,
  soon: 'in a moment',

  standing: {
    serverSaid: 'The server said:',
    detail: 'Detail:',
    paused: {
      user: ['Paused by a person', 'No mail leaves; what was sent stays sent. Resume goes on exactly where it stopped.'],
      login_refused: ['Paused: the server refuses the login', 'Correct the user name or the password of the connection, test it, then resume. Nobody was marked as failed.'],
      sender_refused: ['Paused: the server refuses the sender', 'Have the From Email or its domain verified by the provider, test the connection, then resume. Nobody was marked as failed.'],
      connection_failures: ['Paused: the connection keeps failing', 'It is tried every 30 seconds, and sending goes on by itself within a minute of its repair. Test the connection to see what is wrong.'],
      policy_refusals: ['Paused: receivers refuse the mail by policy', 'At least 50 of 100 answers said so. Read them under Recipients, look at your sender domain and the content, then resume or cancel. Nobody was suppressed for it.'],
      connection_disabled: ['Paused: its connection was disabled', 'Nothing leaves over a connection that is disabled. Enable it and resume, or cancel.'],
      complaint_rate: ['Paused: too many complaints', 'More than 0.3 % of those who got it complained. Make sure that these people asked for your mail before you resume; providers block senders for less.'],
      bounce_rate: ['Paused: too many dead addresses', 'More than 10 % of the mail bounced hard. Cancel and clean the list, or resume if you know why.'],
      missed_time: ['It missed its time', 'Fermata was down when it was due, and more than six hours passed. Resume to start it now, or cancel it.'],
      restored: ['Restored from a backup', 'After a restore nothing leaves by itself. Check what was sent since the backup, then resume or cancel.'],
      organization_deleted: ['Stopped with the organization', 'The organization was deleted and restored. Resume to go on where it stopped, or cancel.'],
    } as Record<string, [string, string]>,
    pausedOther: ['Paused', 'No mail leaves. Resume goes on exactly where it stopped.'] as [string, string],
    failed: {
      unreadable: ['Failed: what it says or whom it goes to could not be read', 'Resuming cannot repair that. Duplicate it, correct the copy, and launch that one. The report shows what was sent until then.'],
    } as Record<string, [string, string]>,
    failedOther: ['Failed', 'Resuming cannot repair it. Duplicate it, correct the copy, and launch that one.'] as [string, string],
    scheduled: (at: string, left: string) => `Starts ${at}, in ${left}`,
    scheduledNow: 'Starts in a moment',
    scheduledBy: { organization: 'The audience is settled then. Until then nothing leaves, and it can be edited: that makes it a draft again.', recipient: (at: string) => `Everybody gets it at ${at} by her own clock. The audience is settled when the first time zone’s turn comes.` },
    test: 'Test Connection', connection: 'See the connection', refusals: 'See the refusals', bounces: 'See the bounces', complaints: 'See the complaints',
  },
  stuck: {
    title: (minutes: string) => `Nothing has moved for ${minutes}`,
    next: (until: string) => `The next one is due ${until}.`,
    causes: {
      no_engine: () => 'The workflow engine cannot be reached. It goes on by itself once that is back.',
      no_worker: () => 'No worker is running that could send. Start Fermata’s workers; it goes on by itself.',
      search_away: () => 'The search service cannot be reached, so the audience cannot be settled. It goes on by itself once that is back.',
      connection_broken: (name: string) => `${name} does not work. Test it, correct it, then resume.`,
      connection_disabled: (name: string) => `${name} is disabled. Enable it, and the campaign goes on.`,
      slow_server: (name: string, size: number) => `The server behind ${name} has not answered for ${mails(size)}. Test the connection; if it does not recover, pause.`,
      retries: (_: string, size: number) => `${recipients(size)} wait for another attempt, because their servers asked to come again later.`,
      unknown: () => 'The cause is not known. Test the connection; pausing and resuming is safe at any time.',
    } as Record<string, (name: string, size: number) => string>,
  },

  experiment: {
    title: 'A/B test',
    steps: { test: 'Test', wait: 'Wait', winner: 'Winner' },
    stepSays: { test: (percent: number, size: string) => `${percent} % · ${size}`, wait: (hours: number) => plural(hours, 'hour', 'hours'), winner: (label: string, rest: string) => `${label} to ${rest}`, none: 'Everybody gets a variant; there is no winner to send.' },
    variant: 'Variant', named: (label: string) => `Variant ${label}`, chance: 'Best', chanceHelp: 'How probable it is that this variant is the best one, by what came in so far.',
    by: { open_rate: 'by Open Rate', click_rate: 'by Click Rate' },
    picks: (at: string, rate: string) => `The winner is picked ${at} ${rate}.`,
    picked: (label: string, rate: string) => `Variant ${label} won ${rate}.`,
    pickedByHand: (by: string, label: string, at: string) => `${by} picked variant ${label} on ${at}.`,
    winner: 'Winner',
    pick: 'Pick winner',
    pickTitle: (label: string) => `Send variant ${label} to the rest?`,
    pickConsequence: (label: string, rest: string, rate: string, chance: string) => `The test ends now. ${rest} get variant ${label} (${rate}; best with a probability of ${chance}). This cannot be undone.`,
    pickAction: 'Pick winner',
    pickedNow: (label: string) => `Variant ${label} goes to the rest.`,
    decided: 'The numbers are those of the test, when the winner was picked. The report has those of everybody.',
    chart: 'Rates of the variants',
    chartHelp: 'The bar around a dot is where the true rate lies with 95 % probability. Where bars overlap, a difference may be chance.',
    none: 'Variants appear once the audience is settled.',
  },

  waves: { title: 'Time zones', when: 'Leaves', people: 'Recipients', state: 'State', done: 'Sent', now: 'Sending', later: 'Waiting', atOnce: 'At once' },

  connections: { title: 'Connections', name: 'Connection', share: 'Share', health: 'Health' },
  notSent: { title: 'Not sent', state: 'State', reason: 'Reason', people: 'Recipients', none: 'Everybody who was tried got it.', nobodyYet: 'Nobody has been tried yet.' },
  reasons: {
    temporary: 'Gave up after 5 attempts', hard_bounce: 'The address is dead', blocked: 'Refused by the receiver: sender or reputation', content: 'Refused by the receiver: content', render: 'The mail could not be written', other: 'Refused by the receiver',
    suppressed: 'Suppressed', unsubscribed: 'Unsubscribed', bounced: 'Bounced before', erased: 'Erased', frequency_cap: 'Frequency cap', cancelled: 'The campaign was cancelled', unknown: 'No evidence for 72 hours',
  } as Record<string, string>,

  details: {
    title: 'Details', from: 'From', replyTo: 'Reply-To', audience: 'Audience', included: (names: string) => names, excluded: (names: string) => `without ${names}`, gone: (kind: string) => `a ${kind === 'list' || kind === 'segment' ? kind : 'campaign'} that is gone`,
    sends: 'Sends over', modes: { single: 'one connection', split: 'split by percentage', round_robin: 'by turns' } as Record<string, string>,
    throttle: 'Throttle', noThrottle: 'None', perMinute: (rate: string) => `${rate} a minute`, change: 'Change',
    tracking: 'Tracking', opens: 'Opens', clicks: 'Clicks', nothing: 'Nothing', createdBy: 'Created by',
  },
  throttle: {
    title: 'Change the throttle', label: 'Mails per minute', help: 'Empty: as fast as the connections allow. Takes effect within 5 seconds.', save: 'Change', saved: 'The throttle is changed.', takes: (time: string) => `What is left takes at least ${time}.`,
  },
  history: {
    title: 'History',
    created: (by: string) => `${by} created it`, scheduled: (by: string | null) => (by ? `${by} scheduled it` : 'Scheduled'), unscheduled: (by: string | null) => (by ? `${by} took it off the schedule` : 'Unscheduled'),
    launched: (by: string | null) => (by ? `${by} launched it` : 'Launched'), started: 'Its time came: started', resumed: (by: string | null) => (by ? `${by} resumed it` : 'Resumed by itself'), pausedBy: (by: string | null) => (by ? `${by} paused it` : 'Paused by a person'), paused: 'Paused',
    winner: (label: string, by: string | null) => (by === null ? `Variant ${label} won the test` : `${by} picked variant ${label}`),
    completed: 'Completed', failed: 'Failed', cancelled: (by: string | null) => (by ? `${by} cancelled it` : 'Cancelled'), archived: 'Archived',
  },
  drift: {
    title: 'The audience today', ask: 'Compare', asking: 'Counting…',
    text: 'The audience was frozen at the start. This compares it with what its lists and segments mean now.',
    same: 'The same people would get it today.',
    says: (frozen: string, today: string) => `${frozen} then, ${today} today.`,
    join: (size: string) => `${size} would join`, leave: (size: string) => `${size} would leave`, unmailable: (size: string) => `${size} of them may get no mail any more`,
  },

  why: {
    title: 'Ask about an address', placeholder: 'ada@example.com', email: 'Address', ask: 'Ask',
    help: 'Why somebody got this campaign, or did not.', helpBefore: 'Whether somebody would get it as things stand, and why.',
    verdicts: {
      sent: 'She got it', pending: 'She will get it', sending: 'She is getting it now', failed: 'It could not be sent to her', skipped: 'She was skipped', in_doubt: 'She may have got it',
      would_get: 'She would get it', excluded: 'She is excluded', not_included: 'She is not included', unmailable: 'She may get no mail', not_in_audience: 'She was not in the audience', unknown_address: 'Nobody has this address',
    } as Record<string, string>,
    targets: 'Audience', include: 'Include', exclude: 'Exclude', kinds: { list: 'List', segment: 'Segment', failed: 'Failed or in doubt in', not_opened: 'Did not open' }, matches: 'she is in it', fails: 'she is not in it', gone: 'it is gone, or cannot be asked', deleted: 'deleted',
    now: 'as it is today', suppression: 'Suppression', mail: 'Her mail', conditions: 'Her conditions', openCustomer: 'Open the customer',
    facts: { state: 'State', reason: 'Reason', reply: 'Server reply', attempts: 'Attempts', connection: 'Connection', variant: 'Variant', at: 'Last attempt', notBefore: 'Not before', deliveredAt: 'Delivered', openedAt: 'First opened', clickedAt: 'First clicked', bouncedAt: 'Bounced', complainedAt: 'Complained', unsubscribedAt: 'Unsubscribed', since: 'Since', source: 'Source', cause: 'Cause', note: 'Note' },
  },

  recipients: {
    title: 'Recipients', search: 'Search address', counted: recipients, address: 'Address', state: 'State', reason: 'Reason', connection: 'Connection', variant: 'Variant', attempts: 'Attempts', reply: 'Server reply', messageId: 'Message id',
    sentAt: 'Sent', endedAt: 'Ended', deliveredAt: 'Delivered', openedAt: 'Opened', clickedAt: 'Clicked', bouncedAt: 'Bounced', complainedAt: 'Complained', unsubscribedAt: 'Unsubscribed', times: (size: number) => `${size} ×`,
    engagement: 'Engagement',
    engagements: { opened: 'Opened', not_opened: 'Did not open', clicked: 'Clicked', not_clicked: 'Did not click', unsubscribed: 'Unsubscribed', bounced: 'Bounced', complained: 'Complained' },
    erased: 'Erased customer', why: 'Why?', openCustomer: 'Open the customer', copyId: 'Copy message id', details: 'Details',
    emptyTitle: 'No recipients yet', emptyText: 'The audience is settled when the campaign starts. Everybody in it appears here, with what became of her mail.', nobodyTitle: 'Nobody was in the audience',
    export: 'Export CSV', exporting: 'The file is being written. The tray at the top has it when it is ready.', exportHelp: 'All recipients.', exportFiltered: 'The recipients that are filtered.',
  },

  report: {
    compare: 'Compare', comparing: 'Comparison', addCampaign: 'Add a campaign', compareHelp: 'Up to five campaigns side by side.', campaign: 'Campaign', thisOne: 'this one', noOther: 'There is no other campaign that was sent.',
    export: 'Export CSV',
    summary: 'Summary', timeline: 'Timeline', timelineEmpty: 'Sends, opens and clicks per hour appear here once mail has left.',
    ranges: { '48': 'First 48 hours', '168': 'First 7 days', all: 'All' }, range: 'Range', people: 'People, each at her first open and click', zone: (name: string) => `Times in ${name}`,
    hour: 'Hour', day: 'Day',
    links: 'Links', url: 'Link', clicks: 'Clicks', unique: 'People', share: 'Share', machineClicks: 'Machines', noLinks: 'There is no tracked link in this mail.', noClicks: 'Nobody has clicked yet.', topClickers: 'Top clickers', topOf: 'Of link', allLinks: 'All links', linkCount: 'Links', variant: 'Variant',
    geography: 'Places', countries: 'Countries', cities: 'Cities', country: 'Country', city: 'City', unknown: 'Not known', noPlaces: 'Nobody has opened or clicked yet.', noCities: 'Cities are known once the operator installs a database of cities (FERMATA_GEO_CITY_DB).',
    with: 'Read with', more: (rest: number) => `${rest} more`,
    clients: 'Mail programs', devices: 'Devices', client: 'Mail program', device: 'Device',
    opens: 'Opens', opened: 'Opened', clicked: 'Clicked', machineOpens: 'Machine opens',
    breakdown: 'Breakdown', by: { connections: 'Connections', variants: 'Variants', domains: 'Domains' }, domain: 'Domain', otherDomains: (size: number) => plural(size, 'other domain', 'other domains'),
    machines: 'Machines', machinesText: 'Privacy proxies, prefetchers and scanners open and click by themselves. They are counted here and nowhere else.', machineReason: 'Why', noMachines: 'No open or click by a machine so far.',
    machineReasons: { privacy_proxy: 'Privacy proxy', too_soon: 'Within 2 seconds of sending', all_links: 'All links within 5 seconds', hidden_link: 'Followed a hidden link', scanner: 'Security scanner', head: 'Asked without looking (HEAD)', prefetch: 'Prefetched' } as Record<string, string>,
    note: 'Opens are counted when images load: blocked images and plain text hide some, and prefetching would add some if machines were not kept apart.',
    totals: (total: string) => `${total} in total`, machineToo: (size: string) => `${size} by machines`,
    bounces: (hard: string, soft: string, blocked: string) => `${hard} hard · ${soft} soft · ${blocked} blocked`,
    notSent: 'Failed, skipped, in doubt',
    untracked: { opens: 'Opens are not tracked in this campaign.', clicks: 'Clicks are not tracked in this campaign.' },
  },

  certificate: {
    none: 'No certificate yet', noneText: 'When a campaign has ended, every number is counted again from where it was written, and the result is kept here.', pending: 'The books are being closed. The certificate follows within a minute.',
    balanced: 'The books balance', balancedText: (size: string) => `Each of the ${size} in the frozen audience is accounted for exactly once, and three independent counts agree.`,
    differs: 'The books do not balance', differsText: 'Not all counts agree. The people concerned are listed below.',
    issued: (at: string) => `Issued ${at}`,
    equation: 'The equation', resolved: 'Resolved', equals: '=', counts: 'Counted three times', where: 'Counted from', ledger: 'Ledger, row by row', counters: 'Counters, as the report shows them', events: 'Sent events in the customers’ records', erased: (size: string) => `${size} erased since: their records are gone, as they must be`,
    agrees: 'agrees', disagrees: 'differs', audience: 'Audience', audienceText: 'SHA-256 over the customers’ numbers in ascending order: the people who were frozen are the people in the ledger.', frozen: 'Frozen', recounted: 'Recounted', same: 'The same people', notSame: 'Not the same people',
    reasons: 'Reasons', differing: 'People who differ', differingText: 'Their row in the ledger and their own record do not say the same. At most 100 are listed.', customer: 'Customer', erasedCustomer: (id: number) => `Customer ${id}, erased since`,
    json: 'JSON', csv: 'CSV', print: 'Print', item: 'Item', value: 'Value', verdict: 'Verdict', noReasons: 'Nobody failed, was skipped or is in doubt.',
  },

  content: { variants: 'Variants', text: 'Plain text', html: 'HTML', show: 'Show', noText: 'The plain text is made from the HTML.', subject: 'Subject', preheader: 'Preheader', from: 'From', replyTo: 'Reply-To' },

  pauseTitle: 'Pause this campaign?',
  pauseConsequence: (sent: number, rest: number) => `${mails(sent)} have been sent and stay sent. ${recipients(rest)} wait until you resume. Mail in flight finishes within 2 seconds.`,
  pauseTest: 'The clock of the test goes on; the winner waits for Resume.',
  pauseAction: 'Pause',
  cancelTitle: 'Cancel this campaign?',
  cancelConsequence: (sent: number, rest: number) => `${mails(sent)} have been sent and stay sent. ${recipients(rest)} will get nothing. A cancelled campaign cannot be resumed.`,
  cancelAction: 'Cancel campaign',
  unscheduleTitle: 'Take the schedule away?',
  unscheduleConsequence: 'It becomes a draft again and does not start by itself. Schedule or launch it when you are ready.',
  unscheduleAction: 'Unschedule',

  chart: { asTable: 'Show as table', asChart: 'Show as chart', png: 'Download as PNG', csv: 'Download as CSV', readOut: 'Use the arrow keys to read the numbers', low: (label: string) => `${label}, low`, high: (label: string) => `${label}, high`, csvOf: (name: string) => `CSV: ${name}` },
};
