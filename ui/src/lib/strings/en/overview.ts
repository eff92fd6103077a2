import { plural } from '$lib/format/format.svelte.ts';

/** The organization as a whole: the first screen and the reports over a range of days. */
export const overviewText = {
  up: 'more', down: 'less', same: 'unchanged', fromNothing: 'new',
  points: (size: string) => `${size} pp`,
  before: (value: string, period: string) => `${value} in ${period}`,
  period: (days: number) => `the ${days} days before`,
  perDay: 'Sent, opened and clicked a day',
  day: 'Day',

  dashboard: {
    title: 'Dashboard',
    days: (size: number) => `${size} days`, range: 'Period',
    mailable: 'Mailable customers', mailableNote: (total: string) => `of ${total} customers`,
    activity: 'Day by day',
    noActivity: 'Nothing was sent in this period. The chart fills with the next campaign.',
    running: 'Running', scheduled: 'Scheduled', nothingRunning: 'No campaign is running.', nothingScheduled: 'No campaign is scheduled.', journeys: 'Active journeys', noJourneys: 'No journey is published.', inside: (size: string) => `${size} inside`, goal: (rate: string) => `goal ${rate}`, starts: (at: string) => `Starts ${at}`,
    attention: 'Needs attention', attentionCount: (size: number) => plural(size, 'thing', 'things'),
    attentionKinds: { campaign_paused: 'Campaign paused by itself', campaign_failed: 'Campaign failed', journey_held: 'People are held up in a journey', connection_broken: 'Connection broken', import_failed: 'Import failed' } as Record<string, string>,
    allReports: 'All reports',
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

  reports: {
    title: 'Reports',
    range: 'Range', from: 'From', to: 'To', custom: 'Other days',
    presets: { '7': 'Last 7 days', '30': 'Last 30 days', '90': 'Last 90 days', month: 'This month', lastMonth: 'Last month', year: 'This year' } as Record<string, string>,
    zone: (name: string) => `Days of ${name}`,
    compared: (from: string, to: string) => `compared with ${from} to ${to}`,
    totals: 'Totals', activity: 'Day by day', campaigns: 'Campaigns', campaignsHelp: 'Launched in this range, with all that became of them to this day.', noCampaigns: 'No campaign was launched in this range.',
    journeys: 'Journeys', journey: 'Journey', journeysHelp: 'Their mail in this range; people and goal to this day.', noJourneys: 'No journey sent mail in this range.', people: (active: string, enrolled: string, goal: string | null) => [`${active} inside`, `${enrolled} enrolled`, ...(goal === null ? [] : [`goal ${goal}`])].join(', '),
    domains: 'Recipient domains', noDomains: 'Nothing was sent in this range.', connections: 'Connections', noConnections: 'No connection was used in this range.', nothing: 'Nothing was sent in this range. Choose other days.',
    collecting: 'Collecting…',
  },
};
