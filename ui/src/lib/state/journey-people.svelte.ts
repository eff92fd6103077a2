import { get, post } from '$lib/api/client.ts';
import type { Enrollment, EnrollmentRow, Journey, JourneyRefusals, JourneyVersionGraph, Query } from '$lib/api/types.ts';
import { Action } from './action.svelte.ts';
import { Resource, Rows } from './resource.svelte.ts';
import { Pages } from './table.svelte.ts';

type Asked = Query<'/journeys/{id}/enrollments'>;

/** Everybody who ever entered a journey, a page at a time. */
export class JourneyPeople extends Pages<EnrollmentRow, Asked> {
  constructor(readonly id: string) {
    super((query) => get('/journeys/{id}/enrollments', { path: { id }, query }));
  }
}

/** Who stands on one step now. */
export class PeopleOnStep extends Rows<EnrollmentRow, Asked> {
  constructor(readonly journeyId: string, readonly step: string) {
    super((query) => get('/journeys/{id}/enrollments', { path: { id: journeyId }, query: { limit: 25, ...query, step, state: 'active' } }));
  }
}

/** Why nobody enters: the state of the trigger, and who was refused. */
export class Refusals extends Resource<JourneyRefusals> {
  constructor(id: string) {
    super(() => get('/journeys/{id}/refusals', { path: { id } }));
  }
}

/** What a path shows changes while one looks at it: it is read again this often. */
const PATH_MS = 3_000;

/** One run of one person: the path she went, and what a person may do with it. */
export class EnrollmentDetail extends Resource<Enrollment> {
  journey: Resource<Journey>;
  /** Of her version: where she can be moved to. */
  picture: Resource<JourneyVersionGraph>;

  constructor(readonly journeyId: string, readonly id: number) {
    super(() => get('/journeys/{id}/enrollments/{eid}', { path: { id: journeyId, eid: id } }));
    this.journey = new Resource(() => get('/journeys/{id}', { path: { id: journeyId } }));
    this.picture = new Resource(() => get('/journeys/{id}/graph', { path: { id: journeyId }, query: { version: this.value?.version ?? 1 } }));
  }

  follow(): () => void {
    void this.load();
    void this.journey.load();
    const timer = setInterval(() => { if (!document.hidden && this.value?.state === 'active') void this.load(); }, PATH_MS);
    return () => clearInterval(timer);
  }

  move = new Action(async (step: string) => {
    this.set(await post('/journeys/{id}/enrollments/{eid}/move', { path: { id: this.journeyId, eid: this.id }, body: { step } }));
    return true;
  });
  remove = new Action(async () => {
    this.set(await post('/journeys/{id}/enrollments/{eid}/remove', { path: { id: this.journeyId, eid: this.id } }));
    return true;
  });
}
