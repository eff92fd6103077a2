import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { singleDelivery } from '#domain/campaign/delivery.ts';
import { startTestApi, type Client, type TestApi } from '../support/api.ts';
import { addConnection, draftCampaign, peopleOf, untilStanding, type FaultCampaign } from '../support/fault-campaign.ts';
import { checkCampaign } from '../support/invariants.ts';
import type { TestOrganization } from '../support/organization.ts';
import { startSmtpSink, type SmtpSink } from '../support/smtp-sink.ts';
import { longMinutes, Timeline } from '../support/timeline.ts';
import { startWorker, type WorkerProcess } from '../support/worker-process.ts';

/**
 * Random commands against campaigns that are being sent, alone and several at once, through the API: each answer and each
 * state is one that product.md 6.9 allows, in some order of those that came together.
 */

type State = 'draft' | 'scheduled' | 'running' | 'paused' | 'completed' | 'cancelled' | 'deleted';
type Verb = 'edit' | 'schedule' | 'unschedule' | 'launch' | 'pause' | 'resume' | 'cancel' | 'archive' | 'unarchive' | 'duplicate' | 'delete';

/** The lifecycle as product.md 6.9 has it; what is not named is refused. */
const lifecycle: Readonly<Record<State, Partial<Record<Verb, State>>>> = {
  draft: { edit: 'draft', schedule: 'scheduled', launch: 'running', delete: 'deleted', duplicate: 'draft' },
  scheduled: { edit: 'draft', unschedule: 'draft', duplicate: 'scheduled' },
  running: { pause: 'paused', cancel: 'cancelled', duplicate: 'running', launch: 'running' }, // launching twice has one effect
  paused: { resume: 'running', cancel: 'cancelled', duplicate: 'paused' },
  completed: { archive: 'completed', unarchive: 'completed', duplicate: 'completed', launch: 'completed' },
  cancelled: { archive: 'cancelled', unarchive: 'cancelled', duplicate: 'cancelled' },
  deleted: {},
};

/** Verbs that may come at once; the others are asked alone. */
const racing = ['schedule', 'unschedule', 'launch', 'pause', 'resume', 'cancel', 'delete', 'archive'] as const satisfies Verb[];
const alone = [...racing, 'launch', 'pause', 'resume', 'edit', 'duplicate', 'unarchive'] as const satisfies Verb[];

const RUNS = longMinutes > 0 ? 25 * longMinutes : 24;
const AT_ONCE = 4;
const PEOPLE = 120;

interface Model { state: State; isArchived: boolean }
interface Real {
  readonly campaign: FaultCampaign;
  readonly sink: SmtpSink;
  readonly pauses: { from: number; to: number }[];
  readonly said: string[];
}

let api: TestApi;
let user: Client;
let organization: TestOrganization;
let workers: WorkerProcess[] = [];
beforeAll(async () => {
  api = await startTestApi({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' });
  organization = { orgId: api.orgId, container: api.container, close: () => api.close() };
  [user, ...workers] = await Promise.all([api.signIn('owner'), startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' }), startWorker({ FERMATA_ALLOW_PRIVATE_SMTP: 'true' })]);
}, 120_000);
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.kill('SIGTERM')));
  await api?.close();
}, 120_000);

async function ask(verb: Verb, { campaign: { id } }: Real): Promise<number> {
  const path = `/campaigns/${id}`;
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
  const reply = verb === 'delete' ? user.delete(path)
    : verb === 'edit' ? user.patch(path, { preheader: 'News' })
    : user.post(`${path}/${verb}`, verb === 'schedule' ? { at: tomorrow, acknowledgeWarnings: true } : verb === 'launch' ? { acknowledgeWarnings: true } : {});
  return (await reply).status;
}

/** Where the verbs lead in this order, or null when one of the answers does not fit. */
function follow({ state, isArchived }: Model, verbs: readonly { readonly verb: Verb; readonly status: number }[]): Model | null {
  let now: Model = { state, isArchived };
  for (const { verb, status } of verbs) {
    // A draft that another changed while it was checked: asked again, the table decides.
    if (verbs.length > 1 && status === 409 && (verb === 'launch' || verb === 'schedule')) continue;
    const next = lifecycle[now.state][verb];
    const fits = now.state === 'deleted' ? status === 404 : next === undefined ? status === 409 : status < 300;
    if (!fits) return null;
    if (next !== undefined) now = { state: next, isArchived: verb === 'archive' ? true : verb === 'unarchive' ? false : now.isArchived };
  }
  return now;
}

function* ordersOf<T>(of: readonly T[]): Generator<T[]> {
  if (of.length <= 1) return yield [...of];
  for (const [i, first] of of.entries()) for (const rest of ordersOf(of.filter((_, j) => j !== i))) yield [first, ...rest];
}

async function standing({ campaign: { id } }: Real): Promise<Model> {
  const { status, body } = await user.get(`/campaigns/${id}`);
  return status === 404 ? { state: 'deleted', isArchived: false } : { state: body.state as State, isArchived: body.archivedAt !== null };
}

interface Script {
  readonly isLaunched: boolean;
  readonly commands: Iterable<fc.AsyncCommand<Model, Real>>;
}

class Ask implements fc.AsyncCommand<Model, Real> {
  readonly verbs: readonly Verb[];
  constructor(verbs: readonly Verb[]) {
    this.verbs = verbs;
  }

  /** Taking a campaign out of an archive it is not in changes nothing and says so in no state. */
  check(model: Readonly<Model>): boolean {
    return !this.verbs.includes('unarchive') || model.isArchived;
  }

  async run(model: Model, real: Real): Promise<void> {
    if (this.verbs.includes('resume') || this.verbs.includes('cancel')) endPause(real);
    const answers = await Promise.all(this.verbs.map(async (verb) => ({ verb, status: await ask(verb, real) })));
    const seen = await standing(real);
    real.said.push(`${model.state}: ${answers.map(({ verb, status }) => `${verb} ${status}`).join(' | ')} -> ${seen.state}`);
    if (this.verbs.length === 1 && seen.state === 'paused' && model.state === 'running') real.pauses.push({ from: Date.now(), to: Number.POSITIVE_INFINITY });
    const fits = [...ordersOf(answers)].map((order) => follow(model, order)).some((end) => end !== null && end.state === seen.state && (end.state === 'deleted' || end.isArchived === seen.isArchived));
    expect(fits, real.said.join('\n')).toBe(true);
    Object.assign(model, seen);
  }

  toString(): string {
    return this.verbs.join(' | ');
  }
}

function endPause({ pauses }: Real): void {
  const last = pauses.at(-1);
  if (last !== undefined) last.to = Math.min(last.to, Date.now());
}

/** The server becomes fast: a running campaign comes to its end. */
class Finish implements fc.AsyncCommand<Model, Real> {
  check(model: Readonly<Model>): boolean {
    return model.state === 'running';
  }

  async run(model: Model, real: Real): Promise<void> {
    await real.sink.script({ everybody: null });
    await untilStanding(real.campaign, ({ state }) => state === 'completed', 60_000);
    real.said.push('running: finished');
    Object.assign(model, await standing(real));
  }

  toString(): string {
    return 'finish';
  }
}

async function play({ isLaunched, commands }: Script, timeline: Timeline): Promise<void> {
  // Four sessions of 400 ms a mail: nobody finishes by itself.
  const sink = await startSmtpSink({ rules: { everybody: 'slow-400' } });
  try {
    const connectionId = await addConnection(organization, { port: sink.port, parallel: 4 });
    const campaign = await draftCampaign(organization, { people: peopleOf({ ok: PEOPLE }, `l${sink.port}n`), delivery: singleDelivery(connectionId) });
    const real: Real = { campaign, sink, pauses: [], said: [] };
    await fc.asyncModelRun(() => ({ model: { state: 'draft', isArchived: false } as Model, real }), isLaunched ? [new Ask(['launch']), ...commands] : commands);
    const { state } = await standing(real);
    timeline.note(`${real.said.length} commands, ${state}`);
    endPause(real);
    if (state === 'paused') expect(await ask('resume', real)).toBe(200);
    if (!['running', 'paused', 'completed', 'cancelled'].includes(state)) return expect(await sink.rows()).toEqual([]);
    await sink.script({ everybody: null });
    await untilStanding(campaign, (now) => now.state === 'completed' || (now.state === 'cancelled' && now.phase === null), 90_000);
    const found = await checkCampaign(campaign, await sink.rows(), { inDoubt: 0, pauses: real.pauses });
    expect(found.violations, real.said.join('\n')).toEqual([]);
  } finally {
    await sink.close();
  }
}

test(`random commands, ${RUNS} campaigns: only what the lifecycle allows, and mail as it says`, async () => {
  const timeline = new Timeline('lifecycle');
  const steps = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...alone).map((verb) => new Ask([verb])) },
    { weight: 3, arbitrary: fc.array(fc.constantFrom(...racing), { minLength: 2, maxLength: 3 }).map((verbs) => new Ask(verbs)) },
    { weight: 1, arbitrary: fc.constant(new Finish()) },
  );
  const script = fc.record({ isLaunched: fc.integer({ min: 0, max: 3 }).map((n) => n > 0), commands: fc.commands([steps], { maxCommands: 25, size: 'max' }) });
  await fc.assert(
    fc.asyncProperty(fc.array(script, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (several) => void (await Promise.all(several.map((each) => play(each, timeline))))),
    { numRuns: Math.ceil(RUNS / AT_ONCE), seed: timeline.seed, endOnFailure: true },
  );
}, 120_000 + longMinutes * 120_000);
