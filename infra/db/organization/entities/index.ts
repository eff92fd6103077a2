import { Campaign } from './campaign.ts';
import { Connection } from './connection.ts';
import { ImportJob } from './import-job.ts';
import { List } from './list.ts';
import { Segment } from './segment.ts';
import { Template } from './template.ts';

/** Configured things are entities; customers, messages and events are SQL (sets, not objects). */
export const organizationEntities = [Campaign, Connection, ImportJob, List, Segment, Template] as const;
