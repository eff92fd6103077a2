import { count, plural } from '$lib/format/format.svelte.ts';

const people = (size: number) => plural(size, 'person', 'people');
const steps = (size: number) => plural(size, 'step', 'steps');

/** The screen on which a journey is drawn. */
export const builder = {
  journeys: 'Journeys',
  canvas: 'Canvas of the journey',
  canvasHelp: 'Tab goes from step to step, arrow keys move a step, Enter opens its settings, A adds a step after it, Delete removes it. Press ? for all keys.',
  palette: 'Steps', paletteHelp: 'Drag a step onto the canvas, or click to add it after the chosen one.',
  groups: { action: 'Actions', condition: 'Conditions', delay: 'Delays' } as Record<string, string>,
  addStep: 'Add step', findStep: 'Find a step', noStep: 'No step is called so.', addAfter: (name: string, port: string) => (port === '' ? `Add a step after ${name}` : `Add a step after ${name}, ${port}`), insert: 'Insert a step here', addAfterTitle: (name: string) => `After “${name}”`,
  hint: { title: 'Begin here', text: 'Choose who enters, then drag the first step under the entry, or press A.' },
  undo: 'Undo', redo: 'Redo', arrange: 'Arrange', arrangeHelp: 'Puts all steps in order, from top to bottom. Undo brings your own order back.', zoomIn: 'Zoom in', zoomOut: 'Zoom out', fit: 'Show all', tools: 'Tools of the canvas', map: 'Overview of the journey',

  draft: 'Draft', live: (no: number) => `Version ${no} is live`, never: 'Never published', name: 'Journey name', more: 'More', rename: 'Rename', discard: 'Discard draft', open: 'Open the journey', shortcuts: 'Keyboard shortcuts',
  publish: 'Publish', dryRun: 'Dry run', problemsButton: (errors: number, warnings: number) => [errors > 0 ? plural(errors, 'problem', 'problems') : '', warnings > 0 ? plural(warnings, 'note', 'notes') : ''].filter(Boolean).join(', '), noProblems: 'No problems',
  notSaved: 'Not saved', reconnecting: 'Reconnecting. Your changes are kept here.', saving: 'Saving…', saved: 'Saved',

  panel: 'Settings of the step', stepName: 'Name', nameMissing: 'A step needs a name.', duplicate: 'Duplicate', remove: 'Delete', close: 'Close',
  leads: 'Leads to', leadsEnd: 'Ends here, as completed', port: (label: string) => `After ${label}`,
  many: (size: number) => `${steps(size)} chosen`, manyHelp: 'Arrow keys move them together. Copy, duplicate or delete them at once.', copy: 'Copy',

  problems: 'Problems', before: 'Before you can publish', worth: 'Worth a look', allGood: 'Nothing stands against publishing.', severity: { error: 'Problem', warning: 'Note' } as Record<string, string>,

  write: 'Write the mail', mailTitle: (name: string) => `Mail of “${name}”`, empty: 'Nothing written yet', mailHint: 'HTML or MJML, with tags and a preview.', done: 'Done',
  sendTest: 'Send Test Email',

  fields: {
    choose: 'Choose…', chooseThing: { list: 'Choose a list', segment: 'Choose a segment', campaign: 'Any campaign', journey: 'Any journey', connection: 'Choose a connection' } as Record<string, string>, gone: { list: 'Deleted list', segment: 'Deleted segment', campaign: 'Deleted campaign', journey: 'Deleted journey', connection: 'Deleted connection' } as Record<string, string>,
    find: 'Search by name', none: 'Nothing has this name.', clear: (what: string) => `No ${what.toLowerCase()}`, any: 'Any', field: 'Choose a field', findField: 'Search fields', fieldGroups: { standard: 'Standard fields', custom: 'Custom fields', system: 'System' } as Record<string, string>, goneField: (key: string) => `${key} (deleted)`,
    thisJourney: 'This journey', noSends: 'No Send Email step stands before this one.', chooseSend: 'Choose an email', anySend: 'Any of its emails', goneStep: 'Deleted step', later: (name: string) => `${name} (not before this step)`,
    amount: 'How many', unit: 'Unit', units: { minutes: 'minutes', hours: 'hours', days: 'days', weeks: 'weeks' } as Record<string, string>,
    days: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
    operator: 'Operator', value: 'Value', chooseField: 'Choose the field first.', yes: 'Yes', no: 'No',
    windowAny: 'At any time', windowLast: 'In the last', when: 'When', windowUnits: { MINUTE: 'minutes', HOUR: 'hours', DAY: 'days', WEEK: 'weeks', MONTH: 'months', YEAR: 'years' } as Record<string, string>,
    events: { sent: 'Sent', delivered: 'Delivered', opened: 'Opened', clicked: 'Clicked', bounced: 'Bounced', complained: 'Complained', unsubscribed: 'Unsubscribed', custom: 'Custom event' } as Record<string, string>, eventName: 'Event name', eventNameHelp: 'As your system sends it, e.g. order_placed.', whichMail: 'Which mail', mails: { any: 'Any mail', campaign: 'Of a campaign', journey: 'Of a journey' } as Record<string, string>,
    add: 'Add', removeRow: (no: number) => `Remove row ${no}`, filter: 'Add filter', property: 'Property', filtersHelp: 'All of them have to hold.', operators: { equals: 'is', not_equals: 'is not', contains: 'contains', greater_than: 'is greater than', less_than: 'is less than', at_least: 'is at least', at_most: 'is at most', is_set: 'is set', is_not_set: 'is not set' } as Record<string, string>,
    branch: (letter: string) => `Branch ${letter}`, share: (letter: string) => `Share of ${letter}`, addBranch: 'Add branch', even: 'Share equally', sum: (sum: number) => `Sum ${sum} %`, short: (rest: number) => (rest > 0 ? `${rest} % to give` : `${-rest} % too many`),
    utmOn: 'Add UTM parameters', utm: { utm_source: 'Source', utm_medium: 'Medium', utm_campaign: 'Campaign', utm_content: 'Content', utm_term: 'Term' } as Record<string, string>, utmByItself: { utm_source: 'the organization', utm_medium: 'email', utm_campaign: 'the journey’s name', utm_content: 'the step’s name', utm_term: '' } as Record<string, string>,
    labels: { list: 'List', event: 'Event', properties: 'Properties', journey: 'Journey', email: 'Email', segment: 'Segment' },
    tags: { 'journey.name': 'Journey', 'step.name': 'Step', 'event.name': 'Event that brought them in', 'event.at': 'When it happened' } as Record<string, string>,
  },

  trigger: {
    legend: 'Trigger',
    kinds: { manual: 'Manual Enrollment', list: 'List-Based', event: 'Email Event', custom: 'Custom Event' } as Record<string, string>,
    help: { manual: 'By hand or through the API.', list: 'Whoever is added to a list after publishing.', event: 'Whoever opens, clicks, bounces, complains or unsubscribes.', custom: 'An event that your own system sends.' } as Record<string, string>,
    campaign: 'Campaign', anyMail: 'Any mail',
  },
  goal: {
    kinds: { none: 'No goal', event: 'Email event', custom: 'Custom event', segment: 'In a segment' } as Record<string, string>,
  },
  exits: { goal: 'Reaching the goal', goalHelp: 'Ends the run as exited, with the goal counted.', noGoal: 'Set a goal first.', segment: 'Entering a segment', segmentNone: 'No segment' },

  publishing: {
    title: (name: string) => `Publish “${name}”?`, first: 'It goes live at once. Who the trigger names from now on enters.', next: (no: number) => `It becomes the live version in place of version ${no}. Who enters from now on takes the new one.`,
    note: 'Note', noteHelp: 'What is new, for the list of versions.', people: 'People inside', stay: 'They stay on their version', stayHelp: (size: number) => `${people(size)} finish the way they began.`, move: 'They move where their step still exists', moveHelp: (moving: number, staying: number) => (staying === 0 ? `All ${people(moving)} move.` : `${people(moving)} move, ${count(staying)} stay because their step is gone.`),
    bySteps: 'By step', moves: 'moves', stays: 'stays', step: 'Step', peopleColumn: 'People', then: 'Then', checking: 'Checking…', published: (no: number) => `Version ${no} is live.`, done: 'Published.', action: 'Publish', paused: 'The journey is paused: nobody moves or enters before Resume.',
  },
  conflict: { title: 'Somebody else changed this journey', text: 'Their draft was saved after you opened it. Load it and lose what you changed since, or put yours in its place.', theirs: 'Load theirs', mine: 'Keep mine' },
  leave: { title: 'Leave without saving?', text: 'What you changed last could not be saved and is lost.', leave: 'Leave without saving' },
  discarding: { title: 'Discard this draft?', text: (no: number) => `The draft is deleted. Version ${no} stays live as it is.`, action: 'Discard draft', done: 'Draft discarded.' },
  missing: { title: 'There is no draft', text: (no: number) => `Version ${no} is live and cannot be changed. A draft is a copy of it that you can edit.`, create: 'Create Draft', view: 'Open the journey' },
  archived: { title: 'This journey is archived', text: 'Unarchive it to go on drawing.' },

  dry: {
    title: 'Dry run', text: 'Walks this draft with real people. Nothing is sent and nothing is changed.',
    who: 'Who', kinds: { days: 'Would have entered', list: 'A list', segment: 'A segment' } as Record<string, string>, days: 'In the last', daysUnit: 'days', daysHelp: '1 to 90.',
    rates: 'Assumed rates', ratesHelp: 'Mails that were not sent are taken as opened and clicked as often as yours of the last 90 days.', ratesGiven: 'As you set them.', ratesTypical: 'You sent nothing in the last 90 days to go by: these are typical.', suppressed: (size: number) => `${people(size)} more ${size === 1 ? 'gets' : 'get'} no mail and would not enter.`, opened: 'Opened', clicked: 'Clicked', ownRates: 'Use our own rates',
    run: 'Run', again: 'Run again', running: 'Walking…', walked: (done: string, total: string) => `${done} of ${total}`,
    stale: 'The draft has changed since. Run it again.', nobody: 'Nobody would have entered.', failed: 'The dry run could not be finished.',
    people: 'People', completed: 'Completed', active: 'Still inside', exited: 'Exited early', mails: 'Mails a day', mailsTotal: (size: number) => plural(size, 'mail', 'mails'), day: 'Day', exits: 'Exits',
    reasons: { unsubscribed: 'Unsubscribed', bounced: 'Bounced', complained: 'Complained', suppressed: 'Suppressed', goal: 'Goal reached', segment: 'Entered the segment', erased: 'Erased', error: 'Error', removed: 'Removed' } as Record<string, string>,
    here: 'Dry run at this step', assumed: (size: number) => `${count(size)} assumed`, examples: (port: string) => `Examples: ${port}`, noExamples: 'Nobody.', passes: (size: number) => people(size), clear: 'Take off the canvas', noEmail: 'no address', next: 'Next',
  },

  list: { title: 'Steps', readOnly: 'Drawing needs a wider screen. Here you can look at the steps.' },
  said: {
    added: (name: string) => `${name} added.`, addedAfter: (name: string, after: string) => `${name} added after ${after}.`, connected: (from: string, port: string, to: string) => `${from}${port === '' ? '' : `, ${port},`} now leads to ${to}.`, disconnected: (from: string, port: string) => `${from}${port === '' ? '' : `, ${port},`} leads nowhere now.`,
    removed: (name: string) => `${name} deleted.`, removedMany: (size: number) => `${steps(size)} deleted.`, entryStays: 'The entry cannot be deleted.', arranged: 'Steps arranged.', copied: (size: number) => `${steps(size)} copied.`, pasted: (size: number) => `${steps(size)} pasted.`, undone: 'Undone.', redone: 'Done again.',
  },
  label: (name: string, kind: string, words: string, problems: number) => [name === kind ? name : `${name}, ${kind}`, words, problems > 0 ? plural(problems, 'problem', 'problems') : ''].filter(Boolean).join('. '),
  keys: {
    next: 'Go from step to step', move: 'Move the chosen steps, with Shift farther', open: 'Settings of the step', add: 'Add a step after it', ways: 'Choose where it leads', remove: 'Delete what is chosen', undo: 'Undo', redo: 'Redo', copy: 'Copy, paste', duplicate: 'Duplicate', all: 'Choose all steps', zoom: 'Zoom, show all', many: 'Choose several by a frame',
  },
};
