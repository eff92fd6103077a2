import { count, percent, plural } from '$lib/format/format.svelte.ts';

const people = (size: number) => plural(size, 'person', 'people');
const are = (size: number) => `${people(size)} ${size === 1 ? 'is' : 'are'}`;

export const journeyText = {
  title: 'Journeys',
  new: 'New Journey',
  description: 'What happens with a person, step by step, from the moment something brings them in.',
  search: 'Search journeys',
  count: (size: number) => plural(size, 'journey', 'journeys'),
  archived: 'Archived',
  emptyTitle: 'No journeys yet',
  emptyText: 'A journey mails and sorts people by itself: a welcome series for a new list member, a reminder for whoever did not open. Start from a ready one or draw your own.',
  state: 'State', active: 'Active', enrolled: 'Enrolled', goalRate: 'Goal rate', changed: 'Changed',
  noGoal: 'No goal', hasDraft: 'Draft', hasDraftHelp: 'A draft beside the live version is not published yet.',
  states: { draft: 'Draft', published: 'Published', paused: 'Paused', archived: 'Archived' } as Record<string, string>,
  enrollmentStates: { active: 'Inside', completed: 'Completed', exited: 'Exited early' } as Record<string, string>,
  actions: {
    edit: 'Edit draft', createDraft: 'Create Draft', publish: 'Publish', enroll: 'Enroll Contacts', pause: 'Pause', resume: 'Resume', archive: 'Archive', unarchive: 'Unarchive', duplicate: 'Duplicate', delete: 'Delete', rename: 'Rename', versions: 'Versions', more: 'More actions',
  },
  done: {
    publish: (no: number) => `Version ${no} is live.`, pause: 'Paused. Nobody moves or enters.', resume: 'The journey goes on.', archive: 'Journey archived.', unarchive: 'The journey is a draft again.', duplicate: 'Copied into a new draft.', delete: 'Journey deleted.', rename: 'Name saved.', discard: 'Draft discarded.',
  },
  tabs: { overview: 'Overview', people: 'People', versions: 'Versions' } as Record<string, string>,
  tabsLabel: 'Journey',

  create: {
    name: 'Journey Name', nameHelp: 'Only your team sees it.', namePlaceholder: 'Welcome series',
    start: 'Start from', blank: 'Blank', blankHelp: 'An empty canvas with its entry.',
    picture: (name: string) => `The flow of “${name}”`,
  },
  renaming: { title: 'Rename the journey', name: 'Journey Name', save: 'Save' },

  asks: {
    pauseTitle: 'Pause this journey?',
    pauseConsequence: (active: number) => `${are(active)} inside. Nobody moves or enters while it is paused. Timers count on: after Resume, those whose time has come go on.`,
    missed: 'Whoever would have entered meanwhile does not: missed entries are not made up.',
    resumeTitle: 'Resume this journey?',
    resumeConsequence: (active: number) => `${are(active)} inside. Those whose time has come go on at once, mail included.`,
    resumeMissed: 'Entries missed while it was paused are not made up.',
    archiveTitle: 'Archive this journey?',
    archiveConsequence: (active: number) => (active === 0 ? 'Nobody is inside. The journey takes nobody in any more and leaves the main list.' : `This ends the runs of ${people(active)} who ${active === 1 ? 'is' : 'are'} inside now, with the reason “journey archived”. The journey takes nobody in any more and leaves the main list. Runs that have ended do not come back.`),
    archiveAction: 'Archive',
    deleteTitle: (name: string) => `Delete “${name}”?`,
    deleteConsequence: (enrolled: number) => (enrolled === 0 ? 'The journey and its draft are deleted. This cannot be undone.' : `The journey, its versions and the paths of ${people(enrolled)} are deleted. Mails that were sent stay in the customers’ timelines. This cannot be undone.`),
    discardTitle: 'Discard the draft?',
    discardConsequence: 'What was changed since the live version is lost. The live version and everybody inside stay as they are.',
    discardAction: 'Discard draft',
  },

  publish: {
    title: (no: number) => `Publish version ${no}`,
    consequenceFirst: 'From now on the trigger takes people in. A published version never changes; to change something later, create a draft.',
    consequence: (no: number) => `Whoever enters from now on takes version ${no}.`,
    note: 'What changed', noteHelp: 'For the list of versions.', notePlaceholder: 'Second reminder after a week',
    inside: (size: number) => `${are(size)} inside`,
    ways: { stay: 'They stay on their version', move: 'Move where the step still exists' },
    waysHelp: { stay: 'Both versions run side by side.' },
    moveHelp: (moving: number, staying: number) => `${staying === 0 ? `All ${people(moving)}` : people(moving)} ${moving === 1 && staying > 0 ? 'moves and keeps' : 'move and keep'} step, due time and history${staying === 0 ? '' : `; ${count(staying)} ${staying === 1 ? 'stays' : 'stay'}, on removed steps`}. Versions has Undo.`,
    problems: (size: number) => `${plural(size, 'problem', 'problems')} to mend before it can be published`,
    warnings: (size: number) => `${plural(size, 'warning', 'warnings')}`,
    open: 'Open in the builder',
    checking: 'Checking the draft…',
  },

  header: {
    version: (no: number) => `Version ${no}`,
    published: (when: string, who: string) => `published ${when}${who === '' ? '' : ` by ${who}`}`,
    neverPublished: 'Never published',
    draftWaiting: 'There is a draft beside the live version.',
    problemTitle: 'People are held on a step',
    openStep: 'Show the step',
    pausedTitle: 'Paused: nobody moves or enters',
    pausedText: 'Timers count on. After Resume those whose time has come go on; entries missed meanwhile are not made up.',
    archivedTitle: 'Archived: nobody is inside',
    archivedText: 'Unarchive makes it a draft again.',
    draftTitle: 'A draft enrolls nobody',
    draftText: 'Finish it in the builder, then publish it.',
  },

  numbers: {
    label: 'Totals', shown: 'Numbers of', all: 'All versions', version: (no: number, live: boolean) => (live ? `Version ${no}, live` : `Version ${no}`),
    totalEnrolled: 'Total Enrolled', currentlyActive: 'Currently Active', completed: 'Completed', exitedEarly: 'Exited Early', goalRate: 'Goal Conversion Rate',
    ofEnrolled: (share: string) => `${share} of enrolled`,
    goals: (goals: string, enrolled: string) => `${goals} of ${enrolled}`,
    noGoal: 'This journey has no goal.',
    overdue: (size: number) => `${people(size)} overdue`,
    overdueHelp: 'Their time has come, but they have not moved for more than a minute. It should be nobody: is a worker running?',
    reasons: 'Exited early, by reason', noExits: 'Nobody has exited early.',
  },

  canvas: {
    label: 'Live canvas', steps: 'Steps',
    waiting: 'waiting', passed: 'passed', enrolled: 'enrolled', sent: 'sent', opened: 'opened', clicked: 'clicked', failed: 'failed', completed: 'completed',
    help: 'Tab and the arrow keys go from step to step, Enter shows its people.',
    fit: 'Fit into view', zoomIn: 'Zoom in', zoomOut: 'Zoom out',
  },

  step: {
    close: 'Close the panel', numbers: 'Numbers', people: 'People on this step', edit: 'Edit in the builder',
    evaluated: 'Evaluated', processed: 'Processed', successful: 'Successful', failed: 'Failed', sent: 'Sent', delivered: 'Delivered', notReported: 'not reported', opened: 'Opened', clicked: 'Clicked', bounced: 'Bounced', skipped: 'Skipped',
    waiting: 'Waiting', left: 'Completed', moved: 'Moved by a person', overdue: 'Overdue', enrolled: 'Enrolled', path: (label: string) => `${label} Path`,
    nobody: 'Nobody is on this step now.', nobodyFound: 'Nobody on this step has this address.', search: 'Search address', until: 'goes on',
  },

  funnel: {
    title: 'Funnel', label: (name: string) => `Funnel: ${name}`, help: 'The way most people took, and who did not come along.',
    step: 'Step', reached: 'Came here', ofEnrolled: 'Of enrolled', waiting: 'Waiting here', elsewhere: 'Another way', ended: 'Ended here',
    drop: { waiting: (size: number) => `${count(size)} ${size === 1 ? 'waits' : 'wait'} here`, elsewhere: (size: number) => `${count(size)} went another way`, ended: (size: number) => `${count(size)} ended here` },
    empty: 'The funnel appears once somebody has been enrolled.',
  },

  compare: {
    title: 'Versions side by side', version: 'Version', enrolled: 'Enrolled', active: 'Active', completed: 'Completed', exited: 'Exited early', goals: 'Goals', goalRate: 'Goal rate', live: 'live',
  },

  nobody: {
    title: 'Why is nobody entering?', ask: 'Look into it', again: 'Look again', ok: 'Nothing keeps people out.',
    refused: 'Last refused', noRefused: 'Nobody was refused in the last 30 days.',
    reasons: { reentry: 'Was in this journey before, and its re-entry rule does not let them in again', suppressed: 'Suppressed: gets no mail' } as Record<string, string>,
    erased: 'Erased customer',
  },

  people: {
    title: 'People', counted: (size: number) => people(size), search: 'Search address', person: 'Person', erased: 'Erased customer', state: 'State', step: 'Step', reason: 'Reason', version: 'Version', entered: 'Entered', arrived: 'On this step since', due: 'Goes on', ended: 'Ended', goal: 'Goal reached',
    path: 'Show the path', customer: 'Open customer', emptyTitle: 'Nobody has entered yet', emptyText: 'Whoever the trigger brings in, or you enroll by hand, appears here.',
  },
  reasons: {
    unsubscribed: 'Unsubscribed', bounced: 'Bounced', complained: 'Complained', suppressed: 'Suppressed', goal: 'Goal reached', segment: 'Entered the exit segment', removed: 'Removed by a person', journey_archived: 'Journey archived', erased: 'Erased', error: 'Error',
  } as Record<string, string>,

  enroll: {
    title: 'Enroll Contacts', action: 'Enroll',
    who: 'Whom', kinds: { list: 'A list', segment: 'A segment', emails: 'Addresses' }, kindsHelp: { list: 'Everybody on it now', segment: 'Everybody in it now', emails: 'Typed or pasted' },
    list: 'List', segment: 'Segment', emails: 'Addresses', emailsHelp: 'One per line, or separated by commas.', emailsPlaceholder: 'ada@example.com\ngrace@example.com', choose: 'Choose one.', noEmails: 'Type at least one address.',
    addresses: (size: number) => plural(size, 'address', 'addresses'),
    create: 'Create unknown addresses', createHelp: 'Addresses there is no customer for become customers. Off: they are counted as unknown.',
    consequence: 'They enter at once and take the live version. Mail that comes without a wait leaves at once.',
    running: 'Enrolling', queued: 'Waiting for other work on this journey', background: 'Close this if you like: it goes on.',
    outcomes: { enrolled: 'Enrolled', barred: 'Barred by re-entry', suppressed: 'Suppressed', unknown: 'Unknown', invalid: 'Invalid' } as Record<string, string>,
    outcomesHelp: { barred: 'They were in this journey before, and its re-entry rule does not let them in again.', suppressed: 'Suppressed people do not enter.', unknown: 'There is no customer with this address.', invalid: 'This is no valid address.' } as Record<string, string>,
    failed: 'It could not be finished', more: 'Enroll more',
  },
  versions: {
    title: 'Versions', no: 'Version', published: 'Published', by: 'By', note: 'Note', inside: 'Inside', enrolled: 'Enrolled', goalRate: 'Goal rate', live: 'Live', noNote: 'No note',
    revert: 'Revert', revertTitle: (no: number) => `Make a draft of version ${no}?`, revertConsequence: (no: number) => `The draft becomes a copy of version ${no}. Nothing is live until you publish it, as a new version.`, revertReplaces: 'The draft there is now is replaced.',
    show: 'Show on the canvas', people: 'Show who is inside', migrate: 'Move people', undo: 'Undo',
    empty: 'No version yet', emptyText: 'Publishing saves a numbered version here. People inside stay on the version they entered.',
    moveTitle: (from: number, to: number) => `Move people from version ${from} to version ${to}`,
    moveHelp: 'Whoever stands on a step that still exists goes on from there in the live version, with step, due time and history.',
    step: 'Step', moves: 'Move', stays: 'Stay', removed: 'Not in the live version', sum: 'Together',
    nobody: 'Nobody is inside this version.', nobodyMoves: 'None of the steps people stand on is in the live version: all stay.',
    move: (size: number) => `Move ${people(size)}`, stay: 'They stay', started: 'Moving people to the live version.',
    undoTitle: 'Undo the move?', undoConsequence: (from: number | null) => `Whoever has not left the step since goes back to ${from === null ? 'the version they came from' : `version ${from}`}. Those who have moved on stay where they are.`,
    counting: 'Counting who would move',
    lastMove: (moved: number, from: number | null, to: number, by: string) => `${people(moved)} moved from ${from === null ? 'earlier versions' : `version ${from}`} to version ${to} by ${by}`,
  },

  path: {
    of: (who: string) => `Path of ${who}`, title: 'Path', entered: 'Entered', enteredBy: (event: string) => `Entered by “${event}”`, due: (when: string) => `Goes on ${when}`, dueNow: 'Goes on now', overdue: 'Overdue: the time has come, but nothing has happened for more than a minute', held: 'Held until the journey is resumed',
    waitsFor: (event: string) => `Waits for ${event}`, ended: { completed: 'Completed the journey', exited: 'Exited early' } as Record<string, string>, goal: 'Reached the goal', stayed: (time: string) => `after ${time}`, atOnce: 'at once',
    facts: 'This run', version: 'Version', enrolledAt: 'Entered', endedAt: 'Ended', step: 'Step', goesOn: 'Goes on', customer: 'Open customer', erased: 'Erased customer',
    noValue: 'no value', wentOn: 'Went on', details: { sent: 'Mail sent', opened: 'Opened', clicked: 'Clicked', event: 'Event', at: 'When', until: 'Until', zone: 'Time zone', result: 'Result' } as Record<string, string>,
    modes: { set: 'set to', add: 'plus', subtract: 'minus', clear: 'cleared', template: 'set to', now: 'set to' } as Record<string, string>,
    mail: { pending: 'Mail waits to be sent', sending: 'Mail is being sent', sent: 'Mail sent', failed: 'Mail not sent', skipped: 'Mail skipped', in_doubt: 'Mail perhaps sent' } as Record<string, string>,
    mailTimes: { deliveredAt: 'Delivered', openedAt: 'Opened', clickedAt: 'Clicked', bouncedAt: 'Bounced', complainedAt: 'Complained', unsubscribedAt: 'Unsubscribed' }, over: (connection: string) => `over ${connection}`,
    webhook: { states: { pending: 'Tries again', succeeded: 'Taken by your system', failed: 'Not taken' } as Record<string, string>, attempts: (size: number) => plural(size, 'attempt', 'attempts'), status: (code: number) => `answer ${code}`, none: 'no answer yet', next: (when: string) => `next attempt ${when}`, response: 'What it answered' },
    gone: 'Not in this version any more',
    move: 'Move to step', moveTitle: 'Move to another step', moveHelp: 'This person goes on from the chosen step at once. What was done before stays done.', where: 'Step', choose: 'Choose a step', moveAction: 'Move', moved: 'Moved.',
    remove: 'Remove from journey', removeTitle: 'Remove from this journey?', removeConsequence: (who: string) => `The run of ${who} ends now, with the reason “removed by a person”. Mails that were sent stay sent.`, removed: 'Removed from the journey.',
  },
  rate: (value: number | null) => percent(value),
};
